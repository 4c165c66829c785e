import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import { describeWith } from '../support/debian.ts';
import { freeClusterPort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { RedisCluster } from './cluster.ts';
import { Deployer } from './deployer.ts';
import { RedisRollover } from './redis-rollover.ts';

const NODES = ['redis-1', 'redis-2', 'redis-3', 'redis-4', 'redis-5', 'redis-6'];

const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('rollover-redis');

describeLive('the root CA of a six-node Redis cluster is replaced under load', () => {
  let ca: Deployer;
  let cluster: RedisCluster;
  const ports = new Map<string, number>();
  const dir = (name: string): string => join(servers.directory, 'etc', name);

  let live: RedisRollover;
  const reaches = (...args: Parameters<RedisRollover['reaches']>) => live.reaches(...args);

  const trusts = ({ services }: RolloverBoard): string[] => [
    ...new Set(
      services
        .filter(({ kind }) => kind === 'node')
        .map(({ trustsOld, trustsNew, serves, provenBy }) => `${trustsOld} ${trustsNew} ${serves} ${provenBy}`),
    ),
  ];

  beforeAll(async () => {
    ca = await Deployer.init(join(servers.directory, 'orders'), 'orders');
    for (const name of NODES) ports.set(name, await freeClusterPort());
    const nodes = NODES.map(
      (name) =>
        `  ${name}: { ip: [127.0.0.1], planes: [data], services: [{ kind: redis, address: "127.0.0.1:${ports.get(name)}", dir: ${dir(name)} }] }`,
    );
    const clients = `clients:\n  app: { services: [{ kind: files, dir: ${dir('app')} }] }\n`;
    await ca.issueInventory(`cluster: orders\nnodes:\n${nodes.join('\n')}\n${clients}`);
    expect((await ca.deploy()).code).toBe(0);
    cluster = await RedisCluster.create(servers, ca, NODES, dir('app'), (name) => ({
      port: ports.get(name) as number,
      files: dir(name),
    }));
    live = new RedisRollover(ca, cluster, ports, dir('app'));
  }, 180_000);

  /** Goes on to a phase, from `stable` or `done`. */
  async function startedUpTo(phase: string): Promise<void> {
    await reaches('prepared', 'start');
    const way = ['prepared', 'distribute', 'issue-new', 'retire'];
    for (const next of way.slice(1, way.indexOf(phase) + 1)) await reaches(next, 'advance');
  }

  test('phase by phase to its end, without a failed operation', async () => {
    const before = join(servers.directory, 'before');
    await live.quietly(async () => {
      await reaches('prepared', 'start');
      const distributed = await reaches('distribute', 'advance');
      expect([trusts(distributed), distributed.blocking]).toEqual([['true true old handshake'], []]);
      await cp(dir('app'), before, { recursive: true, dereference: true });
      expect(trusts(await reaches('issue-new', 'advance'))).toEqual(['true true new handshake']);
      expect(new Set(await live.answers(before))).toEqual(new Set(['PONG']));
      expect(trusts(await reaches('retire', 'advance'))).toEqual(['false true new handshake']);
      expect((await reaches('done', 'advance')).steps?.at(-1)?.what).toContain('destroyed');
    });
    expect(new Set(await live.answers(before))).toEqual(new Set(['refused']));
    expect(new Set(await live.answers(dir('app')))).toEqual(new Set(['PONG']));
  }, 300_000);

  test('a node that is down, one whose files were replaced by hand, and a client that nobody has spoken for', async () => {
    const [down] = (await cluster.replicas()).map((port) => NODES.find((name) => ports.get(name) === port));
    const name = down as string;
    const drifted = NODES.find((other) => other !== name) as string;
    await ca.run('issue', '--client', 'batch', '--out', join(servers.directory, 'batch'));
    const oldRoot = await readFile(join(dir('app'), 'ca.pem'));
    await live.quietly(async () => {
      await reaches('prepared', 'start');
      await cluster.node(name).server.stop();
      const partial = await live.run('advance');
      expect([partial.code, partial.json().phase]).toEqual([3, 'distribute']);
      const blocked = await live.run('advance');
      expect([blocked.code, blocked.stdout]).toEqual([6, '']);
      const { error } = JSON.parse(blocked.stderr);
      expect(error.details).toMatchObject({ phase: 'distribute', blocking: [name, 'batch'] });
      expect(error.message).toContain('connection refused');
      await cluster.restart(servers, name, dir(name));
      await writeFile(join(dir(drifted), 'ca.pem'), oldRoot);
      await cluster.cli(
        ports.get(drifted) as number,
        'CONFIG',
        'SET',
        'tls-ca-cert-file',
        join(dir(drifted), 'ca.pem'),
      );
      const again = JSON.parse((await live.run('advance')).stderr).error;
      expect(again.details.blocking).toEqual(['batch']);
      const { services } = await reaches('distribute', 'confirm', 'batch');
      expect(services.find(({ node }) => node === 'batch')).toMatchObject({ provenBy: 'declared', trustsNew: true });
      await reaches('issue-new', 'advance');
      // Its old certificate is still good, and nobody has said that it has another.
      const early = await live.run('confirm', 'batch');
      expect([early.code, JSON.parse(early.stderr).error.message]).toEqual([
        6,
        'client batch has no certificate of the new root',
      ]);
      expect(JSON.parse((await live.run('advance')).stderr).error.details.blocking).toEqual(['batch']);
      await ca.run('rotate', 'client:batch', '--out', join(servers.directory, 'batch'));
      await reaches('issue-new', 'confirm', 'batch');
      await reaches('retire', 'advance');
      await reaches('retire', 'confirm', 'batch');
      await reaches('done', 'advance');
    });
    await ca.run('revoke', 'client:batch', '--yes');
  }, 400_000);

  test.each(['prepared', 'distribute', 'issue-new', 'retire'])(
    'taken back from %s',
    async (phase) => {
      const before = await readFile(join(dir('app'), 'ca.pem'), 'utf8');
      await live.quietly(async () => {
        await startedUpTo(phase);
        const document = await reaches('stable', 'rollback');
        expect(document.steps?.at(-1)?.what).toContain('destroyed');
      });
      expect(await readFile(join(dir('app'), 'ca.pem'), 'utf8')).toBe(before);
      expect(new Set(await live.answers(dir('app')))).toEqual(new Set(['PONG']));
    },
    300_000,
  );
});
