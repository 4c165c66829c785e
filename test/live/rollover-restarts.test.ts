import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { type EtcdPlace, etcdPlaces, etcdRestart, startEtcdCluster } from '../support/servers-etcd.ts';
import { startHaProxy } from '../support/servers-haproxy.ts';
import { startRedis } from '../support/servers-redis.ts';
import type { LoadClient } from '../support/steady-load.ts';
import { ask, type Material } from '../support/tls.ts';
import { etcdLoad } from '../support/tls-etcd.ts';
import { factsOf, reachesFreely } from './boards.ts';
import { filesOf, whileReading } from './client-files.ts';
import { Deployer, underLoad } from './deployer.ts';

// Servers that take a trust bundle only when they start (etcd), or by a reload, with one trust file for each role (HAProxy).

const MEMBERS = ['etcd-1', 'etcd-2', 'etcd-3'];

const describeLive = await describeWith('etcd', 'haproxy', 'redis-server');
const servers = new Servers('rollover-restarts');

describeLive('the root CA of etcd, and of HAProxy in front of a Redis, is replaced under load', () => {
  let ca: Deployer;
  let places: EtcdPlace[];
  let files: Required<Material>;
  let [redisPort, port] = [0, 0];
  const at = (name: string): string => join(servers.directory, name);
  const dir = (name: string): string => at(join('etc', name));

  const proxied: LoadClient = {
    group: 'proxied',
    async operation() {
      const answer = await ask(port, await filesOf(dir('app')), 'PING\r\n');
      if (answer !== '+PONG\r\n') throw new Error(answer.slice(0, 100));
    },
    connections: () => 0,
    close: () => {},
  };

  /** Does something under load; its clients read their files again and again. */
  async function loaded(work: () => Promise<void>): Promise<void> {
    files = await filesOf(dir('app'));
    const { clients } = etcdLoad(
      places.map((place) => place.port),
      () => files,
    );
    const take = (read: Required<Material>): void => {
      files = read;
    };
    await underLoad([...clients, proxied], () => whileReading(dir('app'), take, work));
  }

  const step = (phase: string, verb: string) => reachesFreely((...args) => ca.live(['rollover', ...args]), phase, verb);
  const known = (board: RolloverBoard): string[] => factsOf(board, 'role', 'trustsOld', 'trustsNew', 'serves');
  /**
   * What is known by less than a handshake: of the peer ports, which load one trust file for both roles, nothing; nor of
   * HAProxy, which is made to connect to an end of ours.
   */
  const byFile = ({ services }: RolloverBoard): string[] =>
    services
      .filter(({ kind, provenBy }) => kind === 'node' && provenBy !== 'handshake')
      .map(({ service = '' }) => service);
  const both = (facts: string): string[] => [`accept ${facts}`, `connect ${facts}`];

  beforeAll(async () => {
    [redisPort, port] = [await freePort(), await freePort()];
    ca = await Deployer.init(at('orders'), 'orders');
    places = await etcdPlaces(MEMBERS.map(dir));
    const members = places.map((place, i) => {
      const command = JSON.stringify(etcdRestart(servers, place));
      const service = (on: number, more: string): string =>
        `{ kind: etcd, address: "127.0.0.1:${on}", dir: ${place.files}, reload: { command: ${command}${more} } }`;
      const peer = service(place.peerPort, `, clientAddress: "127.0.0.1:${place.port}"`);
      return `  ${MEMBERS[i]}: { ip: [127.0.0.1], planes: [data], services: [${service(place.port, '')}, ${peer}] }\n`;
    });
    const reload = `{ socket: ${at('admin')}, masterSocket: ${at('master')}, config: ${at('haproxy/haproxy.cfg')} }`;
    await ca.issueInventory(`cluster: orders
nodes:
${members.join('')}
  redis-1: { ip: [127.0.0.1], planes: [data], services: [{ kind: redis, address: "127.0.0.1:${redisPort}", dir: ${dir('redis-1')} }] }
  proxy-1: { ip: [127.0.0.1], planes: [data], services: [{ kind: haproxy, address: "127.0.0.1:${port}", dir: ${dir('proxy-1')}, reload: ${reload} }] }
clients:
  app: { services: [{ kind: files, dir: ${dir('app')} }] }
`);
    expect((await ca.deploy()).code).toBe(0);
    await startEtcdCluster(servers, places);
    await startRedis(servers, { name: 'redis-1', port: redisPort, files: dir('redis-1') });
    const [pem, anchors] = [join(dir('proxy-1'), 'combined.pem'), join(dir('proxy-1'), 'ca.pem')];
    const server = `127.0.0.1:${redisPort} ssl ca-file ${anchors} verify required verifyhost redis-1.orders.internal crt ${pem}`;
    await startHaProxy(servers, [{ name: 'front', port, pem, anchors, crl: join(dir('proxy-1'), 'crl.pem'), server }], {
      socket: at('admin'),
      masterSocket: at('master'),
      pidFile: at('pid'),
    });
  }, 180_000);

  test('to its end', async () => {
    await loaded(async () => {
      await step('prepared', 'start');
      const distributed = await step('distribute', 'advance');
      expect(known(distributed)).toEqual(both('true true old'));
      const clientPorts = places.map((place) => `etcd 127.0.0.1:${place.port}`);
      expect(byFile(distributed)).toEqual(clientPorts);
      expect(known(await step('issue-new', 'advance'))).toEqual(both('true true new'));
      expect(known(await step('retire', 'advance'))).toEqual(both('false true new'));
      await step('done', 'advance');
    });
  }, 400_000);
});
