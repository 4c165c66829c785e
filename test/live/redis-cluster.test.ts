import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { describeWith } from '../support/debian.ts';
import { Servers, until } from '../support/servers.ts';
import { tlsFiles } from '../support/servers-redis.ts';
import { material, plain, refusal, served } from '../support/tls.ts';
import { underLoad } from '../support/tls-load.ts';
import { Authority, type Certificate, fingerprintOf } from './authority.ts';
import { RedisCluster } from './cluster.ts';

const NODES = ['redis-1', 'redis-2', 'redis-3', 'redis-4', 'redis-5', 'redis-6'];
const BUS = 10_000;
/** What each writer of the load does, at least, between two steps. */
const STEP = 60;

const INVENTORY = `
cluster: orders
nodes:
${NODES.map((name) => `  ${name}: { ip: [127.0.0.1] }`).join('\n')}
clients:
  app: {}
`;

const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('redis-cluster');

describeLive('a six-node Redis cluster that talks only TLS', () => {
  let ca: Authority;
  let foreign: Authority;
  let issued: Certificate[];
  let cluster: RedisCluster;

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    foreign = await Authority.init(join(servers.directory, 'billing'), 'billing');
    issued = await ca.issueInventory(INVENTORY);
    await foreign.issueClients('app');
    cluster = await RedisCluster.create(servers, ca, NODES, 'app');
  });

  test('each node serves its certificate of the data plane', async () => {
    expect(issued).toHaveLength(NODES.length * 2 + 1);
    const client = await material(ca.client('app'));
    for (const name of NODES)
      expect(await served(cluster.node(name).port, client)).toBe(fingerprintOf(issued, name, 'data'));
  });

  test('redis-cli --tls --cluster check is clean', async () => {
    const report = await cluster.cli(cluster.port, '--cluster', 'check', `127.0.0.1:${cluster.port}`);
    expect(report).toContain('[OK] All nodes agree about slots configuration.');
    expect(report).toContain('[OK] All 16384 slots covered.');
    expect(report).not.toMatch(/\[(ERR|WARNING)\]/);
  });

  test('a write reaches the replica of its shard', async () => {
    for (const key of ['a', 'b', 'c', 'd']) {
      expect(await cluster.cli(cluster.port, '-c', 'SET', key, `value of ${key}`)).toBe('OK');
      await until(`${key} is on primary and replica`, async () => (await cluster.copies(key)).length === 2);
      expect(await cluster.copies(key)).toEqual([`value of ${key}`, `value of ${key}`]);
    }
  });

  test('a client without a certificate is refused with the alert that says so', async () => {
    const { ca: anchors } = await material(ca.client('app'));
    for (const port of [cluster.port, cluster.port + BUS]) {
      expect(await refusal(port, { ca: anchors }, 'TLSv1.3')).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
      expect(await refusal(port, { ca: anchors }, 'TLSv1.2')).toBe('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE');
    }
    await cluster.node('redis-1').server.says('peer did not return a certificate');
  });

  test("a client with a certificate of another cluster's CA is refused as of an unknown CA", async () => {
    const { ca: anchors } = await material(ca.client('app'));
    const stranger = { ...(await material(foreign.client('app'))), ca: anchors };
    for (const port of [cluster.port, cluster.port + BUS])
      for (const version of ['TLSv1.3', 'TLSv1.2'] as const)
        expect(await refusal(port, stranger, version)).toBe('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA');
    await cluster.node('redis-1').server.says('certificate verify failed');
  });

  test("a client that trusts another cluster's CA refuses the server", async () => {
    const { cert, key } = await material(ca.client('app'));
    const { ca: anchors } = await material(foreign.client('app'));
    expect(await refusal(cluster.port, { ca: anchors, cert, key })).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
  });

  test('plain TCP is connected, and closed without an answer', async () => {
    for (const port of [cluster.port, cluster.port + BUS])
      expect(await plain(port, 'PING\r\nPING\r\nPING\r\n')).toEqual({ connected: true, answer: '' });
    await cluster.node('redis-1').server.says('wrong version number');
  });

  test('slots move from shard to shard over TLS while clients write', async () => {
    const { lasting, fresh } = await underLoad(cluster.port, await material(ca.client('app')), async (load) => {
      await load.progress(STEP);
      const [from, to] = await cluster.primaryIds();
      const flags = ['--cluster-from', from, '--cluster-to', to, '--cluster-slots', '100', '--cluster-yes'];
      await cluster.cli(cluster.port, '--cluster', 'reshard', `127.0.0.1:${cluster.port}`, ...flags);
      await load.progress(STEP);
    });
    expect(lasting.failures).toEqual([]);
    expect(fresh.failures).toEqual([]);
    await until('all nodes agree on the slots', () => cluster.isWhole());
  }, 180_000);

  test('all certificates are rotated and reloaded while clients write, and no operation fails', async () => {
    const before = await material(ca.client('app'));
    const { lasting, fresh } = await underLoad(cluster.port, before, async (load) => {
      await load.progress(STEP);
      const rotated = await ca.rotateAll();
      expect(rotated).toHaveLength(issued.length);
      await load.progress(STEP);
      for (const name of NODES) {
        const { port } = cluster.node(name);
        const old = fingerprintOf(issued, name, 'data');
        expect(await served(port, before)).toBe(old);
        const settings = Object.entries(tlsFiles(ca.node(name, 'data'))).flat();
        expect(await cluster.cli(port, 'CONFIG', 'SET', ...settings)).toBe('OK');
        await load.progress(STEP);
        const current = await served(port, before);
        expect(current).toBe(fingerprintOf(rotated, name, 'data'));
        expect(current).not.toBe(old);
      }
      load.present(await material(ca.client('app')));
      await load.progress(STEP);
    });
    expect(lasting.failures).toEqual([]);
    expect(fresh.failures).toEqual([]);
    // Two writers of each kind, through nine steps: before and after `rotate`, each of six nodes, the client's own.
    expect(lasting.operations).toBeGreaterThanOrEqual(2 * 9 * STEP);
    expect(fresh.operations).toBeGreaterThanOrEqual(2 * 9 * STEP);
    expect(fresh.connections).toBeGreaterThanOrEqual(fresh.operations);
    expect(lasting.connections).toBeLessThanOrEqual(2 * NODES.length);
  }, 180_000);

  test('replication comes back over the new certificates when its links are made anew', async () => {
    for (const port of await cluster.replicas()) {
      expect(await cluster.cli(port, 'CLIENT', 'KILL', 'TYPE', 'master')).toBe('1');
    }
    expect(await cluster.cli(cluster.port, '-c', 'SET', 'after', 'rotation')).toBe('OK');
    await until('the write is on primary and replica', async () => (await cluster.copies('after')).length === 2);
    await until('the cluster is whole', () => cluster.isWhole());
  });
});
