import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { DeployDocument } from '../../src/deployment/document.ts';
import { describeWith } from '../support/debian.ts';
import { Servers, until } from '../support/servers.ts';
import { type EtcdMember, type EtcdPlace, etcdPlaces, etcdRestart, startEtcdCluster } from '../support/servers-etcd.ts';
import { askAll, material, served } from '../support/tls.ts';
import { etcdLoad } from '../support/tls-etcd.ts';
import { type Certificate, fingerprintOf } from './authority.ts';
import { anotherRoot, Deployer, underLoad } from './deployer.ts';

const NODES = ['etcd-1', 'etcd-2', 'etcd-3'];

const describeLive = await describeWith('etcd');
const servers = new Servers('deploy-etcd');

describeLive('deploy to etcd under load: three members, mutual TLS for clients and peers', () => {
  let ca: Deployer;
  let other: Buffer;
  let places: EtcdPlace[];
  let members: EtcdMember[];
  const dir = (name: string): string => join(servers.directory, 'etc', name);
  const member = (name: string): EtcdMember => members[NODES.indexOf(name)] as EtcdMember;
  const pids = (): Promise<string[]> => Promise.all(members.map(({ pidFile }) => readFile(pidFile, 'utf8')));

  const states = ({ services }: DeployDocument): string[] =>
    services.filter(({ kind }) => kind === 'etcd').map(({ state }) => state);
  /** Of both services of each member. */
  const every = (state: string): string[] => NODES.flatMap(() => [state, state]);

  async function leader(): Promise<string> {
    const client = await material(dir('app'));
    for (const name of NODES) {
      const request = 'POST /v3/maintenance/status HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}';
      const answer = await askAll(member(name).port, client, request).catch(() => '');
      const [, own] = /"member_id":"(\d+)"/.exec(answer) ?? [];
      if (own !== undefined && answer.includes(`"leader":"${own}"`)) return name;
    }
    throw new Error('no leader');
  }

  /** Both ports of each member serve this. */
  async function expectServed(certificates: Certificate[]): Promise<void> {
    const client = await material(dir('app'));
    for (const name of NODES)
      for (const port of [member(name).port, member(name).peerPort])
        expect([name, await served(port, client)]).toEqual([name, fingerprintOf(certificates, name, 'control')]);
  }

  /** Whatever it trusts now, one more CA in each bundle, by hand, as after an aborted change of the CA. */
  async function trustMore(): Promise<void> {
    const client = await material(dir('app'));
    const restart = async (name: string): Promise<void> => {
      await appendFile(join(dir(name), 'ca.pem'), other);
      const { pidFile, port } = member(name);
      const before = await readFile(pidFile, 'utf8');
      process.kill(Number(before), 'SIGTERM');
      await until('it is another process', async () => (await readFile(pidFile, 'utf8')) !== before);
      const health = 'GET /health HTTP/1.0\r\n\r\n';
      await until('it is healthy', async () =>
        (await askAll(port, client, health).catch(() => '')).includes('"health":"true"'),
      );
    };
    // Nobody works with it now: all at once.
    await Promise.all(NODES.map(restart));
  }

  beforeAll(async () => {
    ca = await Deployer.init(join(servers.directory, 'orders'), 'orders');
    other = await anotherRoot(join(servers.directory, 'billing'));
    places = await etcdPlaces(NODES.map(dir));
    const nodes = places.map((place, i) => {
      const { files, port, peerPort } = place;
      const command = JSON.stringify(etcdRestart(servers, place));
      return `
  ${NODES[i]}:
    ip: [127.0.0.1]
    planes: [control]
    services:
      - { kind: etcd, address: "127.0.0.1:${port}", dir: ${files}, reload: { command: ${command} } }
      - { kind: etcd, address: "127.0.0.1:${peerPort}", dir: ${files}, reload: { command: ${command}, clientAddress: "127.0.0.1:${port}" } }`;
    });
    const clients = `clients:\n  app: { services: [{ kind: files, dir: ${dir('app')} }] }\n`;
    await ca.issueInventory(`cluster: orders\nnodes:${nodes.join('')}\n${clients}`);
  }, 120_000);

  test('the files are placed before anything listens', async () => {
    const result = await ca.deploy();
    expect([result.code, states(result.json())]).toEqual([0, every('placed')]);
    members = await startEtcdCluster(servers, places);
  });

  test('rotate --all --deploy: the leader last, nothing restarted, no operation fails, no connection is lost', async () => {
    const before = await pids();
    const first = await leader();
    const client = await material(dir('app'));
    const { clients, missed } = etcdLoad(
      members.map(({ port }) => port),
      () => client,
    );
    let document: DeployDocument & { certificates: Certificate[] } = { services: [], waves: [], certificates: [] };
    const { lasting, fresh } = await underLoad(clients, async () => {
      const result = await ca.rotate();
      expect([result.code, result.stderr]).toEqual([0, '']);
      document = result.json();
    });
    expect(lasting?.connections).toBe(2);
    expect(fresh?.connections).toBeGreaterThanOrEqual(2 * (fresh?.operations ?? 0));
    // A swap may cost one handshake: the client has gone on to the next endpoint.
    expect(missed().length).toBeLessThanOrEqual(NODES.length);
    expect(states(document)).toEqual(every('confirmed'));
    const order = document.waves.flat().filter((name) => name !== 'app');
    expect(order.at(-1)).toBe(first);
    expect(await pids()).toEqual(before);
    await expectServed(document.certificates);
  }, 180_000);

  test('a change of the trust bundle alone: one restart of each member, the leader last, no operation fails', async () => {
    await trustMore();
    const [before, first, client] = [await pids(), await leader(), await material(dir('app'))];
    const { clients } = etcdLoad(
      members.map(({ port }) => port),
      () => client,
    );
    const logs = members.map(({ server }) => server.output().length);
    await underLoad(clients, async () => {
      const result = await ca.deploy();
      expect([result.code, result.stderr]).toEqual([0, '']);
      const document: DeployDocument = result.json();
      expect(states(document)).toEqual(every('confirmed'));
      const order = document.waves.flat().filter((name) => name !== 'app');
      expect([order.length, order.at(-1)]).toEqual([3, first]);
    });
    const after = await pids();
    for (const [i, pid] of after.entries()) expect(pid).not.toBe(before[i]);
    for (const [i, { server }] of members.entries()) {
      const said = server.output().slice(logs[i]);
      // Once, though it has two services.
      expect(said.match(/received terminated signal/g)).toHaveLength(1);
      // Nobody stands for election because the leader is silent.
      expect(said).not.toMatch(/is starting a new election/);
    }
    expect((await ca.deploy()).json().services.map(({ state }: { state: string }) => state)).toEqual([
      ...every('unchanged'),
      'unchanged',
    ]);
  }, 180_000);

  test('--max-unavailable 3: the restarts come one after the other all the same', async () => {
    await trustMore();
    const client = await material(dir('app'));
    const { clients } = etcdLoad(
      members.map(({ port }) => port),
      () => client,
    );
    await underLoad(clients, async () => {
      const result = await ca.deploy('--max-unavailable', '3');
      expect([result.code, result.stderr]).toEqual([0, '']);
    });
  }, 180_000);

  test('killed at any moment, the next run makes it whole, and restarts nothing', async () => {
    const before = await pids();
    await ca.killed(NODES.map(dir), [0, 200, 600], expectServed);
    expect(await pids()).toEqual(before);
  }, 240_000);

  test('killed before a restart, twice: the third run has not forgotten it', async () => {
    await trustMore();
    const before = await pids();
    const inventory = await readFile(ca.inventory, 'utf8');
    const deadly = places.reduce(
      (text, at) => text.replaceAll(JSON.stringify(etcdRestart(servers, at)), '["sh", "-c", "kill -KILL $PPID"]'),
      inventory,
    );
    await writeFile(ca.inventory, deadly);
    // The new bundle is placed with the first, another certificate with the second.
    for (const killed of [await ca.deploy(), await ca.rotate('--out', ca.out)]) expect(killed.signal).toBe('SIGKILL');
    await writeFile(ca.inventory, inventory);
    expect(await pids()).toEqual(before);
    const result = await ca.deploy();
    expect([result.code, result.stderr, states(result.json())]).toEqual([0, '', every('confirmed')]);
    for (const [i, pid] of (await pids()).entries()) expect(pid).not.toBe(before[i]);
  }, 180_000);

  test('verify --inventory finds nothing to say', () => ca.expectNothingFound(dir('app')));
});
