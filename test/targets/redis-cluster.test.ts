import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { Authority, type Certificate, fingerprintOf } from '../live/authority.ts';
import { RedisCluster } from '../live/cluster.ts';
import { describeWith } from '../support/debian.ts';
import { Servers, until } from '../support/servers.ts';
import { material, served } from '../support/tls.ts';
import { underLoad } from '../support/tls-load.ts';
import { openSession } from './session.ts';

const NODES = ['redis-1', 'redis-2', 'redis-3', 'redis-4', 'redis-5', 'redis-6'];
const INVENTORY = `
cluster: orders
nodes:
${NODES.map((name) => `  ${name}: { ip: [127.0.0.1], planes: [data] }`).join('\n')}
clients: { app: {} }
`;
const CERTIFICATE = { certificate: true, trust: false, crl: false };
/** What each writer of the load does, at least, between two steps. */
const STEP = 40;

const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('redis-cluster-target');

describeLive('each node of a six-node Redis cluster, under load, takes a new certificate and renews its links', () => {
  let ca: Authority;
  let cluster: RedisCluster;
  /** The bus links of each node, and from when they are. */
  const links = async (name: string): Promise<number[]> =>
    (await cluster.cli(cluster.node(name).port, 'CLUSTER', 'LINKS'))
      .split('\n')
      .flatMap((line, i, lines) => (lines[i - 1]?.trim() === 'create-time' ? [Number(line)] : []));
  const fullSyncs = async (): Promise<number> => {
    const stats = await Promise.all(cluster.ports.map((port) => cluster.cli(port, 'INFO', 'stats')));
    return stats.reduce((sum, info) => sum + Number(/sync_full:(\d+)/.exec(info)?.[1]), 0);
  };

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    await ca.issueInventory(INVENTORY);
    // DEBUG alone closes a link of the bus.
    cluster = await RedisCluster.create(servers, ca, NODES, 'app', undefined, { 'enable-debug-command': 'local' });
  });

  test('0 failed operations', async () => {
    const before = await material(ca.client('app'));
    const syncs = await fullSyncs();
    let rotated: Certificate[] = [];
    const { lasting, fresh } = await underLoad(cluster.port, before, async (load) => {
      await load.progress(STEP);
      rotated = await ca.rotateAll();
      for (const name of NODES) {
        const { port } = cluster.node(name);
        const { session, warnings } = await openSession({
          kind: 'redis',
          address: `127.0.0.1:${port}`,
          dir: ca.node(name, 'data'),
          client: ca.client('app'),
        });
        expect(await session.preflight(CERTIFICATE)).toEqual([]);
        await load.progress(STEP);
        const since = new Date();
        await session.reload(CERTIFICATE);
        expect(await served(port, before)).toBe(fingerprintOf(rotated, name, 'data'));
        // Exactly those that the server itself says are older: a peer may have made one anew by itself meanwhile.
        await until('all links that are older are told', async () => {
          const older = (await links(name)).filter((time) => time < since.getTime()).length;
          const said = /^(?:\d+ clients, )?1 replication link, (\d+) cluster bus links$/.exec(
            (await session.connections?.(since))?.what ?? '',
          );
          return older > 1 && Number(said?.[1]) === older;
        });
        await session.cycle?.(since);
        // What is left are clients: the load's, which go on.
        expect((await session.connections?.(since))?.what).toMatch(/^(\d+ clients)?$/);
        for (const time of await links(name)) expect(time).toBeGreaterThanOrEqual(since.getTime());
        await load.progress(STEP);
        await until('the cluster is whole', () => cluster.isWhole());
        expect(warnings).toEqual([]);
        await session.close();
      }
    });
    expect(lasting.failures).toEqual([]);
    expect(fresh.failures).toEqual([]);
    expect(lasting.operations).toBeGreaterThanOrEqual(2 * 12 * STEP);
    expect(fresh.connections).toBeGreaterThanOrEqual(2 * 12 * STEP);
    expect(await fullSyncs()).toBe(syncs);
    await until('the cluster is whole', () => cluster.isWhole());
  }, 180_000);
});
