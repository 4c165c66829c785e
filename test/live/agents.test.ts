import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { AgentProcess } from '../agent/agent-process.ts';
import { Daemon } from '../server/daemon.ts';
import { describeWith } from '../support/debian.ts';
import { freeClusterPort } from '../support/ports.ts';
import { Servers, until } from '../support/servers.ts';
import { type Material, material, open } from '../support/tls.ts';
import { underLoad } from '../support/tls-load.ts';
import { RedisCluster } from './cluster.ts';

// The daemon, six agents and a Redis cluster whose certificates live for 45 seconds, under a verifying load: renewed by
// the agents, rotated by REST, through an outage of the daemon and of a node. CLUSTER_CA_LIVE_MINUTES=10 with
// CLUSTER_CA_LIVE_SECONDS=90, which is how long certificates live, is the long form.

const NODES = ['redis-1', 'redis-2', 'redis-3', 'redis-4', 'redis-5', 'redis-6'];
const MINUTES = Number(process.env.CLUSTER_CA_LIVE_MINUTES ?? 2);
const SECONDS = Number(process.env.CLUSTER_CA_LIVE_SECONDS ?? 45);
const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('agents');
const inventory = join(servers.directory, 'cluster.yaml');
const part = (of: number): string => `${Math.round(SECONDS * of)}s`;
const LIVES = ['--node-lifetime', part(1), '--rotate-before', part(2 / 3), '--alert-before', part(4 / 9)];
/** Milliseconds after which what is waited for will not come: several lives. */
const LONGEST = 4_000 * SECONDS;
/** Rotations of each node, at the least. */
const ROTATIONS = MINUTES < 10 ? 4 : 5;
const daemon = await Daemon.make('orders', ['--inventory', inventory], LIVES);

describeLive(`serve, six agents, and six Redis nodes with certificates of ${SECONDS} seconds`, () => {
  const ports = new Map<string, number>();
  const agents = new Map<string, AgentProcess>();
  const dir = (name: string): string => join(servers.directory, 'etc', name);
  const agent = (name: string): AgentProcess => agents.get(name) as AgentProcess;
  let operator: Required<Material>;
  let app: Material;
  /** Every certificate that each node was seen to serve, and what was wrong with one, by openssl and the clock. */
  const seen = new Map(NODES.map((name) => [name, new Set<string>()]));
  const wrong: string[] = [];
  const down = new Set<string>();

  async function look(): Promise<void> {
    await Promise.all(
      NODES.filter((name) => !down.has(name)).map(
        (name) =>
          new Promise<void>((resolve) => {
            const socket = open(ports.get(name) as number, app);
            socket.on('error', (error) => {
              if (!down.has(name)) wrong.push(`${name}: ${error.message}`);
              resolve();
            });
            socket.on('secureConnect', () => {
              seen.get(name)?.add(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
              socket.destroy();
              resolve();
            });
          }),
      ),
    );
  }

  /** Until each node that is up has served so many more certificates. */
  async function rotatedAtLeast(times: number): Promise<void> {
    await look();
    const goals = new Map([...seen].map(([name, { size }]) => [name, size + times]));
    const lacking = (): string[] =>
      NODES.filter((name) => !down.has(name) && (seen.get(name)?.size ?? 0) < (goals.get(name) as number));
    await looking(
      () => lacking().length === 0,
      () => `${times} more certificates of ${lacking().map((name) => `${name}:\n${lastWords(agent(name))}\n`)}`,
    );
  }

  /** Looks until something holds. @throws what was waited for, and what the daemon has said last */
  async function looking(holds: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
    for (const end = Date.now() + LONGEST; !(await holds()); ) {
      if (Date.now() > end) throw new Error(`waited in vain for ${what()}; the daemon: ${lastWords(daemon)}`);
      await look();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  const openAlerts = async (): Promise<string[]> =>
    (await daemon.call(operator, '/v1/cluster/alerts'))
      .json()
      .alerts.map(({ name, subject }: { name: string; subject: string }) => `${name} ${subject}`)
      .filter((text: string) => text.startsWith('node_'));

  beforeAll(async () => {
    const { ca } = daemon;
    await mkdir(join(servers.directory, 'etc'), { recursive: true });
    for (const name of NODES) ports.set(name, await freeClusterPort());
    const nodes = NODES.map((name) => `  ${name}: { ip: [127.0.0.1], planes: [data] }`);
    await writeFile(inventory, `cluster: orders\nnodes:\n${nodes.join('\n')}\n`);
    operator = await daemon.person('ann', '--role', 'operator', '--lifetime', '1d');
    await ca.run('issue', '--client', 'app', '--lifetime', '1d', '--out', ca.out);
    app = await material(ca.client('app'));
    await daemon.start();
    for (const name of NODES) {
      const own = new AgentProcess(daemon, name, join(servers.directory, 'etc'));
      agents.set(name, own);
      own.out = join(servers.directory, 'nodes', name);
      await own.configure(`{ kind: redis, address: "127.0.0.1:${ports.get(name)}", dir: ${dir(name)} }`);
      await own.join('data');
      own.start();
    }
    await Promise.all(NODES.map((name) => agent(name).event('service', ({ state }) => state === 'placed')));
  });

  test(
    '0 failed operations, 0 certificates that had ended, alerts raised and resolved',
    async () => {
      const began = Date.now();
      const cluster = await RedisCluster.create(servers, daemon.ca, NODES, 'app', (name) => ({
        port: ports.get(name) as number,
        files: dir(name),
      }));
      const { lasting, fresh } = await underLoad(cluster.port, app, async (load) => {
        await rotatedAtLeast(2);
        const call = { method: 'POST', headers: { prefer: 'wait=120' } };
        const { status, json } = await daemon.call(operator, '/v1/cluster/certificates/rotate', call);
        const states = json().nodes.map((one: { node: string; state: string }) => `${one.node} ${one.state}`);
        expect([status, states.sort()]).toEqual([200, NODES.map((name) => `${name} rotated`)]);

        await daemon.stop('SIGKILL');
        await load.progress(60);
        await daemon.start();
        await rotatedAtLeast(1);
        await load.progress(60);

        // A replica, with its agent: so long that nothing it has is good any more.
        const [port] = (await cluster.replicas()).toReversed();
        const name = NODES.find((one) => ports.get(one) === port) as string;
        down.add(name);
        await agent(name).stop('SIGKILL');
        await cluster.node(name).server.stop();
        await looking(
          () => daemon.events.some((event) => isAlert(event, 'raised', 'node_pending', name)),
          () => `the alert that ${name} is pending`,
        );
        await looking(
          async () => (await listed(name)).status === 'expired',
          () => `the end of ${name}'s certificate`,
        );
        await agent(name).join('data');
        agent(name).start();
        const { fingerprint } = await listed(name);
        await looking(
          async () => (await servedFile(dir(name))) === fingerprint,
          () => `${name}'s certificate in its place: ${lastWords(agent(name))}`,
        );
        await cluster.restart(servers, name, dir(name));
        down.delete(name);
        await looking(
          () => daemon.events.some((event) => isAlert(event, 'resolved', 'node_pending', name)),
          () => `the end of the alert of ${name}`,
        );
        await rotatedAtLeast(1);
        await load.progress(60);
        while (Date.now() - began < MINUTES * 60_000) {
          await rotatedAtLeast(1);
          await load.progress(60);
        }
      });
      expect([lasting.failures, fresh.failures, wrong]).toEqual([[], [], []]);
      process.stderr.write(`rotations: ${[...seen].map(([name, { size }]) => `${name} ${size - 1}`).join(', ')}\n`);
      expect(Math.min(...[...seen.values()].map(({ size }) => size - 1))).toBeGreaterThanOrEqual(ROTATIONS);
      await until('the cluster is whole', () => cluster.isWhole());
      await until('no alert of a node is open', async () => (await openAlerts()).length === 0, 60_000);
      for (const name of NODES) expect([name, await agent(name).stop(), agent(name).stderr]).toEqual([name, 0, '']);
      expect([await daemon.stop(), daemon.stderr]).toEqual([0, '']);
      const told = daemon.events.filter(({ event }) => ['not-rotated', 'bug', 'schedule-failed'].includes(event));
      expect(told).toEqual([]);
      expect((await daemon.ca.run('keystore', 'check')).valid).toBe(true);
    },
    (MINUTES + 8) * 60_000,
  );

  async function listed(name: string): Promise<{ status: string; fingerprint: string }> {
    return (await daemon.ca.run('list', '--node', name)).certificates[0];
  }

  async function servedFile(directory: string): Promise<string> {
    const { certificates = [], fingerprint } = await daemon.ca.run('inspect', join(directory, 'cert.pem'));
    return fingerprint ?? certificates[0]?.fingerprint;
  }
});

function lastWords({ events, stderr }: Pick<Daemon, 'events' | 'stderr'>): string {
  return `${events
    .slice(-12)
    .map((event) => JSON.stringify(event))
    .join('\n')}\n${stderr}`;
}

function isAlert(event: Record<string, unknown>, change: string, name: string, subject: string): boolean {
  return event.event === 'alert' && event.change === change && event.name === name && event.subject === subject;
}
