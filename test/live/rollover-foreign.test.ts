import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import { describeWith } from '../support/debian.ts';
import { freeClusterPort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { warmCli } from '../support/warm.ts';
import { factsOf } from './boards.ts';
import { RedisCluster } from './cluster.ts';
import { Deployer } from './deployer.ts';
import { RedisRollover } from './redis-rollover.ts';

const NODES = ['redis-1', 'redis-2', 'redis-3', 'redis-4', 'redis-5', 'redis-6'];

const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('rollover-foreign');
const isKept = (name: string): boolean => name === '.cluster-ca.before';

describeLive('a six-node Redis cluster of another CA is taken over under load', () => {
  let ca: Deployer;
  let cluster: RedisCluster;
  const ports = new Map<string, number>();
  const dir = (name: string): string => join(servers.directory, 'etc', name);

  let live: RedisRollover;
  const reaches = (...args: Parameters<RedisRollover['reaches']>) => live.reaches(...args);

  const trusts = (board: RolloverBoard): string[] => factsOf(board, 'trustsOld', 'trustsNew', 'serves');

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
    live = new RedisRollover(ca, cluster, ports, dir('app'));
  }, 180_000);

  test('taken back from where every node has a certificate of ours: it rests on the other CA as before', async () => {
    const files = async (): Promise<string[]> =>
      Promise.all(
        [...NODES, 'app'].flatMap((name) =>
          ['cert.pem', 'key.pem', 'ca.pem'].map((file) => readFile(join(dir(name), file), 'utf8')),
        ),
      );
    const before = await files();
    const anchor = join(servers.directory, 'legacy.pem');
    await cp(join(dir('app'), 'ca.pem'), anchor);
    await live.quietly(async () => {
      await reaches('prepared', 'start', '--from-anchor', anchor);
      await reaches('distribute', 'advance');
      expect(trusts(await reaches('issue-new', 'advance'))).toEqual(['true true new']);
      const { steps = [] } = await reaches('stable', 'rollback');
      expect(steps.at(-1)?.what).toBe('go to stable: the cluster rests on the old root again');
    });
    expect(await files()).toEqual(before);
    // What is handed out is the other CA's, and ours issues nothing.
    expect((await warmCli(['export', '--format', 'bundle'], { env: ca.env })).stdout).toBe(
      await readFile(anchor, 'utf8'),
    );
    const refused = await warmCli(['issue', 'redis-7', '--json'], { env: ca.env });
    expect([refused.code, JSON.parse(refused.stderr).error.hint]).toEqual([
      6,
      expect.stringContaining('--from-anchor'),
    ]);
    const own = await live.run('start');
    expect([own.code, JSON.parse(own.stderr).error.hint]).toEqual([6, expect.stringContaining('--from-anchor')]);
    const again = await ca.live(['deploy']);
    expect([again.code, again.stderr]).toEqual([0, '']);
    expect(await files()).toEqual(before);
    for (const name of [...NODES, 'app']) expect((await readdir(dir(name))).filter(isKept)).toEqual([]);
  }, 300_000);

  test('phase by phase to its end, without a failed operation', async () => {
    const before = join(servers.directory, 'before');
    await cp(dir('app'), before, { recursive: true, dereference: true });
    await live.quietly(async () => {
      await reaches('prepared', 'start', '--from-anchor', join(before, 'ca.pem'));
      const distributed = await reaches('distribute', 'advance');
      expect([trusts(distributed), distributed.blocking]).toEqual([['true true old'], []]);
      expect(trusts(await reaches('issue-new', 'advance'))).toEqual(['true true new']);
      expect(new Set(await live.answers(before))).toEqual(new Set(['PONG']));
      expect(trusts(await reaches('retire', 'advance'))).toEqual(['false true new']);
      const { steps = [] } = await reaches('done', 'advance');
      expect(steps.at(-1)?.what).toBe('go to done: the old root is trusted no more; its key never was ours');
    });
    expect(new Set(await live.answers(before))).toEqual(new Set(['refused']));
    expect(new Set(await live.answers(dir('app')))).toEqual(new Set(['PONG']));
  }, 300_000);
});
