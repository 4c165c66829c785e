import { cp, readFile, readlink, writeFile } from 'node:fs/promises';
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
const servers = new Servers('rollover-redis');

describeLive('the root CA of a six-node Redis cluster is replaced under load', () => {
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
      const generation = await readlink(join(dir('app'), '.cluster-ca.current'));
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
  }, 180_000);

  /** Goes on to a phase, from `stable` or `done`. */
  async function startedUpTo(phase: string): Promise<void> {
    await reaches('prepared', 'start');
    const way = ['prepared', 'distribute', 'issue-new', 'retire'];
    for (const next of way.slice(1, way.indexOf(phase) + 1)) await reaches(next, 'advance');
  }

  test('phase by phase to its end, without a failed operation', async () => {
    const before = join(servers.directory, 'before');
    await quietly(async () => {
      await reaches('prepared', 'start');
      const distributed = await reaches('distribute', 'advance');
      expect([trusts(distributed), distributed.blocking]).toEqual([['true true old handshake'], []]);
      await cp(dir('app'), before, { recursive: true, dereference: true });
      expect(trusts(await reaches('issue-new', 'advance'))).toEqual(['true true new handshake']);
      expect(new Set(await answers(before))).toEqual(new Set(['PONG']));
      expect(trusts(await reaches('retire', 'advance'))).toEqual(['false true new handshake']);
      expect((await reaches('done', 'advance')).steps?.at(-1)?.what).toContain('destroyed');
    });
    expect(new Set(await answers(before))).toEqual(new Set(['refused']));
    expect(new Set(await answers(dir('app')))).toEqual(new Set(['PONG']));
  }, 300_000);

  test('a node that is down, one whose files were replaced by hand, and a client that nobody has spoken for', async () => {
    const [down] = (await cluster.replicas()).map((port) => NODES.find((name) => ports.get(name) === port));
    const name = down as string;
    const drifted = NODES.find((other) => other !== name) as string;
    await ca.run('issue', '--client', 'batch', '--out', join(servers.directory, 'batch'));
    const oldRoot = await readFile(join(dir('app'), 'ca.pem'));
    await quietly(async () => {
      await reaches('prepared', 'start');
      await cluster.node(name).server.stop();
      const partial = await rollover('advance');
      expect([partial.code, partial.json().phase]).toEqual([3, 'distribute']);
      const blocked = await rollover('advance');
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
      const again = JSON.parse((await rollover('advance')).stderr).error;
      expect(again.details.blocking).toEqual(['batch']);
      const { services } = await reaches('distribute', 'confirm', 'batch');
      expect(services.find(({ node }) => node === 'batch')).toMatchObject({ provenBy: 'declared', trustsNew: true });
      await reaches('issue-new', 'advance');
      // Its old certificate is still good, and nobody has said that it has another.
      const early = await rollover('confirm', 'batch');
      expect([early.code, JSON.parse(early.stderr).error.message]).toEqual([
        6,
        'client batch has no certificate of the new root',
      ]);
      expect(JSON.parse((await rollover('advance')).stderr).error.details.blocking).toEqual(['batch']);
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
      await quietly(async () => {
        await startedUpTo(phase);
        const document = await reaches('stable', 'rollback');
        expect(document.steps?.at(-1)?.what).toContain('destroyed');
      });
      expect(await readFile(join(dir('app'), 'ca.pem'), 'utf8')).toBe(before);
      expect(new Set(await answers(dir('app')))).toEqual(new Set(['PONG']));
    },
    300_000,
  );
});
