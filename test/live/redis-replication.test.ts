import { appendFile, cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers, until } from '../support/servers.ts';
import { type Redis, redisCli, startRedis, tlsFiles } from '../support/servers-redis.ts';
import { material, refusal, served } from '../support/tls.ts';
import { Authority, type Certificate, fingerprintOf } from './authority.ts';

const INVENTORY = `
cluster: orders
nodes:
  control-1: { ip: [127.0.0.1], planes: [control] }
  control-2: { ip: [127.0.0.1], planes: [control] }
`;

const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('redis-replication');

describeLive('a primary and its replica over the certificates of the control plane', () => {
  let ca: Authority;
  let foreign: Authority;
  let issued: Certificate[];
  let primary: Redis;
  let replica: Redis;

  const start = async (name: string, files: string, of?: number): Promise<Redis> => {
    const settings = of === undefined ? {} : { replicaof: `127.0.0.1 ${of}` };
    return startRedis(servers, { name, port: await freePort(), files, settings });
  };
  const cli = (redis: Redis, ...words: string[]): Promise<string> =>
    redisCli(ca.node('control-1', 'control'), redis.port, ...words);
  const isFollowing = async (): Promise<boolean> =>
    (await cli(replica, 'INFO', 'replication')).includes('master_link_status:up');

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    foreign = await Authority.init(join(servers.directory, 'billing'), 'billing');
    issued = await ca.issueInventory(INVENTORY);
    await foreign.issueInventory(INVENTORY.replace('orders', 'billing'));
    primary = await start('control-1', ca.node('control-1', 'control'));
    replica = await start('control-2', ca.node('control-2', 'control'), primary.port);
    await until('the replica follows', isFollowing);
  });

  test('only certificates of the control plane were issued, and they are served', async () => {
    expect(issued.map(({ node, plane }) => `${node} ${plane}`).sort()).toEqual([
      'control-1 control',
      'control-2 control',
    ]);
    const client = await material(ca.node('control-1', 'control'));
    expect(await served(primary.port, client)).toBe(fingerprintOf(issued, 'control-1', 'control'));
    expect(await served(replica.port, client)).toBe(fingerprintOf(issued, 'control-2', 'control'));
  });

  test('a write reaches the replica', async () => {
    expect(await cli(primary, 'SET', 'state', 'replicated')).toBe('OK');
    await until('the replica has it', async () => (await cli(replica, 'GET', 'state')) === 'replicated');
  });

  test('a client without a certificate is refused by both', async () => {
    const { ca: anchors } = await material(ca.node('control-1', 'control'));
    for (const { port } of [primary, replica])
      expect(await refusal(port, { ca: anchors }, 'TLSv1.3')).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
  });

  test("a replica with another cluster's certificate of the same name gets nothing", async () => {
    const files = join(servers.directory, 'stranger-tls');
    await cp(foreign.node('control-2', 'control'), files, { recursive: true });
    // It trusts this cluster too, so it is the primary that turns it away.
    await appendFile(join(files, 'ca.pem'), await readFile(join(ca.node('control-2', 'control'), 'ca.pem')));
    const { server } = await start('stranger', files, primary.port);
    await primary.server.says('certificate verify failed');
    await server.says('alert unknown ca');
    expect(server.output()).not.toContain('sync: Finished');
    expect(await cli(primary, 'INFO', 'replication')).toContain('connected_slaves:1');
  });

  test('after rotation the link is made anew over the new certificates', async () => {
    const rotated = await ca.rotateAll();
    for (const [name, redis] of [
      ['control-1', primary],
      ['control-2', replica],
    ] as const) {
      const settings = Object.entries(tlsFiles(ca.node(name, 'control'))).flat();
      expect(await cli(redis, 'CONFIG', 'SET', ...settings)).toBe('OK');
      const client = await material(ca.node(name, 'control'));
      expect(await served(redis.port, client)).toBe(fingerprintOf(rotated, name, 'control'));
    }
    expect(await cli(replica, 'CLIENT', 'KILL', 'TYPE', 'master')).toBe('1');
    await until('the replica follows again', isFollowing);
    expect(await cli(primary, 'SET', 'state', 'rotated')).toBe('OK');
    await until('the replica has it', async () => (await cli(replica, 'GET', 'state')) === 'rotated');
  });
});
