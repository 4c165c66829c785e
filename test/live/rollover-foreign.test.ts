import { cp, mkdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import type { RunResult } from '../support/cli.ts';
import { describeWith } from '../support/debian.ts';
import { freeClusterPort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { type Material, material } from '../support/tls.ts';
import { underLoad } from '../support/tls-load.ts';
import { RespConnection } from '../support/tls-resp.ts';
import { RedisCluster } from './cluster.ts';
import { Deployer } from './deployer.ts';

const NODES = ['redis-1', 'redis-2', 'redis-3', 'redis-4', 'redis-5', 'redis-6'];
/** What each writer of the load does, at least, between two steps. */
const STEP = 40;

const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('rollover-foreign');

describeLive('a six-node Redis cluster of another CA is taken over under load', () => {
  let ca: Deployer;
  let cluster: RedisCluster;
  const ports = new Map<string, number>();
  const dir = (name: string): string => join(servers.directory, 'etc', name);

  const rollover = (verb: string, ...args: string[]): Promise<RunResult> => ca.live(['rollover', verb, ...args]);
  async function reaches(phase: string, verb: string, ...args: string[]): Promise<RolloverBoard> {
    const result = await rollover(verb, ...args);
    expect([verb, result.code, result.code === 0 ? '' : result.stderr]).toEqual([verb, 0, '']);
    const document: RolloverBoard = result.json();
    expect([verb, document.phase]).toEqual([verb, phase]);
    return document;
  }

  /** The client's files, of one generation. */
  async function current(): Promise<Material> {
    for (;;) {
      // Before the first deployment there are plain files.
      const generation = await readlink(join(dir('app'), '.cluster-ca.current')).catch(() => '.');
      const found = await material(join(dir('app'), generation)).catch(() => undefined);
      if (found !== undefined) return found;
    }
  }

  /** Does something while the load runs, of which nothing may fail. Like any client, it reads its files again and again. */
  async function quietly(work: () => Promise<void>): Promise<void> {
    const { lasting, fresh } = await underLoad(cluster.port, await current(), async (load) => {
      let over = false;
      const reading = async (): Promise<void> => {
        while (!over) {
          load.present(await current());
          await sleep(50);
        }
      };
      const done = reading();
      await load.progress(STEP);
      await work().finally(() => {
        over = true;
      });
      await done;
      await load.progress(STEP);
    });
    expect([lasting.failures, fresh.failures]).toEqual([[], []]);
    expect(lasting.operations + fresh.operations).toBeGreaterThan(4 * STEP);
  }

  /** What a client with these files is told by every node. */
  async function answers(files: string): Promise<string[]> {
    const client = { ...(await material(files)), ca: (await material(dir('app'))).ca };
    return Promise.all(
      NODES.map(async (name) => {
        try {
          const connection = await RespConnection.open(ports.get(name) as number, client);
          try {
            return String(await connection.send('PING'));
          } finally {
            connection.close();
          }
        } catch {
          return 'refused';
        }
      }),
    );
  }

  const trusts = ({ services }: RolloverBoard): string[] => [
    ...new Set(
      services
        .filter(({ kind }) => kind === 'node')
        .map(({ trustsOld, trustsNew, serves }) => `${trustsOld} ${trustsNew} ${serves}`),
    ),
  ];

  beforeAll(async () => {
    const legacy = await Deployer.init(join(servers.directory, 'legacy'), 'legacy', ['--domain', 'orders.internal']);
    for (const name of NODES) ports.set(name, await freeClusterPort());
    const nodes = NODES.map(
      (name) =>
        `  ${name}: { ip: [127.0.0.1], planes: [data], services: [{ kind: redis, address: "127.0.0.1:${ports.get(name)}", dir: ${dir(name)} }] }`,
    );
    const clients = `clients:\n  app: { services: [{ kind: files, dir: ${dir('app')} }] }\n`;
    const inventory = (cluster: string): string => `cluster: ${cluster}\nnodes:\n${nodes.join('\n')}\n${clients}`;
    await legacy.issueInventory(inventory('legacy'));
    // Plain files, as openssl or easy-rsa leave them.
    await mkdir(join(servers.directory, 'etc'));
    for (const name of NODES) await cp(legacy.node(name, 'data'), dir(name), { recursive: true });
    await cp(legacy.client('app'), dir('app'), { recursive: true });
    ca = await Deployer.init(join(servers.directory, 'orders'), 'orders');
    await writeFile(ca.inventory, inventory('orders'));
    cluster = await RedisCluster.create(servers, legacy, NODES, dir('app'), (name) => ({
      port: ports.get(name) as number,
      files: dir(name),
    }));
  }, 180_000);

  test('phase by phase to its end, without a failed operation', async () => {
    const before = join(servers.directory, 'before');
    await cp(dir('app'), before, { recursive: true });
    await quietly(async () => {
      await reaches('prepared', 'start', '--from-anchor', join(before, 'ca.pem'));
      const distributed = await reaches('distribute', 'advance');
      expect([trusts(distributed), distributed.blocking]).toEqual([['true true old'], []]);
      expect(trusts(await reaches('issue-new', 'advance'))).toEqual(['true true new']);
      expect(new Set(await answers(before))).toEqual(new Set(['PONG']));
      expect(trusts(await reaches('retire', 'advance'))).toEqual(['false true new']);
      await reaches('done', 'advance');
    });
    expect(new Set(await answers(before))).toEqual(new Set(['refused']));
    expect(new Set(await answers(dir('app')))).toEqual(new Set(['PONG']));
  }, 300_000);
});
