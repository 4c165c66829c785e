import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import { AgentProcess } from '../agent/agent-process.ts';
import { Daemon } from '../server/daemon.ts';
import { describeWith } from '../support/debian.ts';
import { freeClusterPort } from '../support/ports.ts';
import { Servers, until } from '../support/servers.ts';
import { material } from '../support/tls.ts';
import { warmCli } from '../support/warm.ts';
import { RedisCluster } from './cluster.ts';
import { RedisRollover } from './redis-rollover.ts';

// The daemon, six agents and a six-node Redis cluster: its root is replaced by REST, under a verifying load. The first
// step and the last, which need the root domain, are taken at the command line beside it.

const NODES = ['redis-1', 'redis-2', 'redis-3', 'redis-4', 'redis-5', 'redis-6'];
const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('rollover-agents');
const inventory = join(servers.directory, 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory]);
const { ca } = daemon;

describeLive('the root CA of a Redis cluster with agents is replaced by REST, under load', () => {
  const ports = new Map<string, number>();
  const agents = new Map(
    NODES.map((name) => [name, new AgentProcess(daemon, name, join(servers.directory, 'agents'))]),
  );
  const dir = (name: string): string => join(servers.directory, 'etc', name);
  let cluster: RedisCluster;
  let live: RedisRollover;

  beforeAll(async () => {
    for (const place of ['etc', 'agents']) await mkdir(join(servers.directory, place), { recursive: true });
    for (const name of NODES) ports.set(name, await freeClusterPort());
    const nodes = NODES.map((name) => `  ${name}: { ip: [127.0.0.1], planes: [data] }\n`);
    // The application and the operator have no agent: the daemon deploys to them itself.
    const clients = [
      `  app: { services: [{ kind: files, dir: ${dir('app')} }] }\n`,
      `  ann: { role: operator, services: [{ kind: files, dir: ${dir('ann')} }] }\n`,
    ];
    await writeFile(inventory, `cluster: orders\nnodes:\n${nodes.join('')}clients:\n${clients.join('')}`);
    await ca.run('issue', '--inventory', inventory, 'app', 'ann', '--out', ca.out);
    await ca.run('deploy', '--inventory', inventory, '--from', ca.out, '--yes');
    await daemon.start();
    await Promise.all(
      [...agents].map(async ([name, agent]) => {
        await agent.configure(`{ kind: redis, address: "127.0.0.1:${ports.get(name)}", dir: ${dir(name)} }`);
        await agent.join('data');
        agent.start();
        await agent.event('service', ({ state }) => state === 'placed');
      }),
    );
    const place = (name: string) => ({ port: ports.get(name) as number, files: dir(name) });
    cluster = await RedisCluster.create(servers, ca, NODES, dir('app'), place);
    const run = (args: string[]) =>
      warmCli([...args, '--inventory', inventory, '--json', '--yes'], { env: ca.env, timeout: 180_000 });
    live = new RedisRollover({ live: run }, cluster, ports, dir('app'));
  }, 180_000);

  /** As the operator, with the files that are hers by now. */
  async function advance(phase: string): Promise<RolloverBoard> {
    const call = { method: 'POST', body: {} };
    const { status, json } = await daemon.call(await material(dir('ann')), '/v1/rollover/advance', call);
    expect([status, status === 200 ? '' : json()]).toEqual([200, '']);
    expect(json().rollover.phase).toBe(phase);
    return json().rollover;
  }

  const found = ({ services, blocking }: RolloverBoard, which: (name: string) => boolean): unknown[] => [
    ...new Set(
      services
        .filter(({ node }) => which(node))
        .map(({ trustsOld, trustsNew, serves, provenBy }) => `${trustsOld} ${trustsNew} ${serves} ${provenBy}`),
    ),
    blocking,
  ];
  const isRedis = (name: string): boolean => NODES.includes(name);

  test('0 failed operations, 0 failed handshakes; a certificate of the old root is refused in the end', async () => {
    const before = join(servers.directory, 'before');
    await live.quietly(async () => {
      await live.reaches('prepared', 'start');
      const distributed = await advance('distribute');
      expect(found(distributed, isRedis)).toEqual(['true true old agent', []]);
      expect(found(distributed, (name) => !isRedis(name))).toEqual(['true true old file', []]);
      expect(distributed.services.filter(({ node }) => isRedis(node))).toHaveLength(2 * NODES.length);
      await cp(dir('app'), before, { recursive: true, dereference: true });
      expect(found(await advance('issue-new'), isRedis)).toEqual(['true true new agent', []]);
      expect(new Set(await live.answers(before))).toEqual(new Set(['PONG']));
      expect(found(await advance('retire'), isRedis)).toEqual(['false true new agent', []]);
      expect((await live.reaches('done', 'advance')).steps?.at(-1)?.what).toContain('destroyed');
    });
    expect(new Set(await live.answers(before))).toEqual(new Set(['refused']));
    expect(new Set(await live.answers(dir('app')))).toEqual(new Set(['PONG']));
    await until('the cluster is whole', () => cluster.isWhole());
    for (const [name, agent] of agents) expect([name, await agent.stop(), agent.stderr]).toEqual([name, 0, '']);
    expect([await daemon.stop(), daemon.stderr]).toEqual([0, '']);
    const told = daemon.events.filter(({ event }) => ['rollover-refused', 'bug', 'schedule-failed'].includes(event));
    expect(told).toEqual([]);
    expect((await ca.run('keystore', 'check')).valid).toBe(true);
  }, 240_000);
});
