import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { DeployDocument } from '../../src/deployment/document.ts';
import { describeWith } from '../support/debian.ts';
import { freeClusterPort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { material, served } from '../support/tls.ts';
import { underLoad } from '../support/tls-load.ts';
import { warmCli } from '../support/warm.ts';
import { type Certificate, fingerprintOf } from './authority.ts';
import { RedisCluster } from './cluster.ts';
import { Deployer } from './deployer.ts';

const NODES = ['redis-1', 'redis-2', 'redis-3', 'redis-4', 'redis-5', 'redis-6'];
/** What each writer of the load does, at least, between two steps. */
const STEP = 60;

const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('deploy-redis');

describeLive('deploy to a six-node Redis cluster under load', () => {
  let ca: Deployer;
  let cluster: RedisCluster;
  const ports = new Map<string, number>();
  const dir = (name: string): string => join(servers.directory, 'etc', name);

  /** Of the servers; the client's files are placed and nothing more. */
  const states = ({ services }: DeployDocument): string[] =>
    services.filter(({ kind }) => kind === 'redis').map(({ state }) => state);
  const every = (state: string): string[] => NODES.map(() => state);

  /** What each node serves now, by a handshake of its own. */
  async function serving(): Promise<Map<string, string>> {
    const client = await material(dir('app'));
    return new Map(
      await Promise.all(NODES.map(async (name) => [name, await served(ports.get(name) as number, client)] as const)),
    );
  }

  /** Every directory has one generation, and nothing of a run is left. */
  function expectTidy(): void {
    for (const name of NODES) {
      const names = readdirSync(dir(name)).sort();
      expect([name, names.filter((entry) => /^\.cluster-ca\.\d/.test(entry)).length]).toEqual([name, 1]);
      expect(names.filter((entry) => !/^\.cluster-ca\.(\d.*|current)$/.test(entry))).toEqual([
        'ca.pem',
        'cert.pem',
        'key.pem',
      ]);
    }
    const staged = join(ca.env.XDG_STATE_HOME as string, 'cluster-ca/deploying');
    const left = existsSync(staged)
      ? readdirSync(staged, { recursive: true }).filter((entry) => /pem$/.test(String(entry)))
      : [];
    expect(left).toEqual([]);
  }

  beforeAll(async () => {
    ca = await Deployer.init(join(servers.directory, 'orders'), 'orders');
    for (const name of NODES) ports.set(name, await freeClusterPort());
    const nodes = NODES.map(
      (name) =>
        `  ${name}: { ip: [127.0.0.1], planes: [data], services: [{ kind: redis, address: "127.0.0.1:${ports.get(name)}", dir: ${dir(name)} }] }`,
    );
    const clients = `clients:\n  app: { services: [{ kind: files, dir: ${dir('app')} }] }\n`;
    await ca.issueInventory(`cluster: orders\nnodes:\n${nodes.join('\n')}\n${clients}`);
  });

  test('before anything listens the files are placed, and the next run has nothing to do', async () => {
    const first = await ca.deploy();
    expect([first.code, states(first.json())]).toEqual([0, every('placed')]);
    const second = await ca.deploy();
    expect([second.code, states(second.json())]).toEqual([0, every('unchanged')]);
    expectTidy();
    cluster = await RedisCluster.create(servers, ca, NODES, dir('app'), (name) => ({
      port: ports.get(name) as number,
      files: dir(name),
    }));
  });

  test('rotate --all --deploy: replicas before primaries, and no operation fails', async () => {
    const before = await serving();
    const replicas = await cluster.replicas();
    let document: DeployDocument & { certificates: Certificate[] } = { services: [], waves: [], certificates: [] };
    const { lasting, fresh } = await underLoad(cluster.port, await material(dir('app')), async (load) => {
      await load.progress(STEP);
      const result = await ca.rotate();
      expect([result.code, result.stderr]).toEqual([0, '']);
      document = result.json();
      await load.progress(STEP);
    });
    expect([lasting.failures, fresh.failures]).toEqual([[], []]);
    expect(lasting.operations + fresh.operations).toBeGreaterThanOrEqual(4 * 2 * STEP);
    expect(states(document)).toEqual(every('confirmed'));
    const waves = document.waves.filter(([node]) => node !== 'app');
    const order = waves.flat();
    const isReplica = (name: string): boolean => replicas.includes(ports.get(name) as number);
    expect(waves.map((wave) => wave.length)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(order.map(isReplica)).toEqual([true, true, true, false, false, false]);
    const after = await serving();
    for (const name of NODES) {
      expect(after.get(name)).toBe(fingerprintOf(document.certificates, name, 'data'));
      expect(after.get(name)).not.toBe(before.get(name));
    }
    expectTidy();
    expect(await cluster.isWhole()).toBe(true);
  }, 180_000);

  test('old connections are counted, and --cycle-connections renews replication without a failed operation', async () => {
    const { lasting, fresh } = await underLoad(cluster.port, await material(dir('app')), async (load) => {
      await load.progress(STEP);
      const result = await ca.rotate('--cycle-connections', '--max-unavailable', '2');
      const document: DeployDocument = result.json();
      expect([result.code, states(document)]).toEqual([0, every('confirmed')]);
      // The client's own is in the first of the three.
      expect(document.waves.map((wave) => wave.length)).toEqual([2, 2, 2, 1]);
      for (const { oldConnections } of document.services)
        expect(oldConnections?.what ?? '').not.toMatch(/replication link/);
      await load.progress(STEP);
    });
    expect([lasting.failures, fresh.failures]).toEqual([[], []]);
    expect(await cluster.isWhole()).toBe(true);
  }, 180_000);

  test('killed at any moment, the next run makes it whole', async () => {
    await ca.killed(NODES.map(dir), [0, 400, 1200], async (certificates) => {
      for (const [name, fingerprint] of await serving())
        expect([name, fingerprint]).toEqual([name, fingerprintOf(certificates, name, 'data')]);
      expectTidy();
    });
    expect(await cluster.isWhole()).toBe(true);
  }, 240_000);

  test('a node that is down is pending, and done by the next run', async () => {
    await cluster.node('redis-6').server.stop();
    const result = await ca.rotate();
    expect(result.code).toBe(3);
    const document: DeployDocument = result.json();
    expect(
      Object.fromEntries(
        document.services.filter(({ kind }) => kind === 'redis').map(({ node, state }) => [node, state]),
      ),
    ).toEqual({
      ...Object.fromEntries(NODES.map((name) => [name, 'confirmed'])),
      'redis-6': 'pending',
    });
    expect(result.error().error.code).toBe('ERR_PARTIAL');
    const status = await warmCli(['status', '--json'], { env: ca.env });
    expect(status.code).toBe(4);
    expect(status.json().alerts).toContainEqual(
      expect.objectContaining({ name: 'node_deployment_pending', subject: 'redis-6/data' }),
    );
    await cluster.restart(servers, 'redis-6', dir('redis-6'));
    const again = await ca.deploy();
    expect([again.code, states(again.json()).filter((state) => state !== 'unchanged')]).toEqual([0, ['confirmed']]);
    expect((await warmCli(['status', '--json'], { env: ca.env })).code).toBe(0);
    expectTidy();
  }, 180_000);

  test('verify --inventory finds nothing to say', () => ca.expectNothingFound(dir('app')));
});
