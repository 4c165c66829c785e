import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { DeployDocument } from '../../src/deployment/document.ts';
import { cli, type RunResult } from '../support/cli.ts';
import { describeWith } from '../support/debian.ts';
import { Servers, until } from '../support/servers.ts';
import { type EtcdMember, type EtcdPlace, etcdPlaces, etcdRestart, startEtcdCluster } from '../support/servers-etcd.ts';
import { underSteadyLoad } from '../support/steady-load.ts';
import { askAll, material, served } from '../support/tls.ts';
import { etcdLoad } from '../support/tls-etcd.ts';
import { Authority, type Certificate, fingerprintOf } from './authority.ts';

const NODES = ['etcd-1', 'etcd-2', 'etcd-3'];
/** What each client of the load does, at least, between two steps. */
const STEP = 40;

const describeLive = await describeWith('etcd');
const servers = new Servers('deploy-etcd');

describeLive('deploy to etcd under load: three members, mutual TLS for clients and peers', () => {
  let ca: Authority;
  let other: Buffer;
  let places: EtcdPlace[];
  let members: EtcdMember[];
  const dir = (name: string): string => join(servers.directory, 'etc', name);
  const member = (name: string): EtcdMember => members[NODES.indexOf(name)] as EtcdMember;
  const pids = (): Promise<string[]> => Promise.all(members.map(({ pidFile }) => readFile(pidFile, 'utf8')));

  const run = (verb: string, ...args: string[]): Promise<RunResult> =>
    cli([verb, ...args, '--inventory', ca.inventory, '--json', '--yes'], { env: ca.env, timeout: 120_000 });
  const deploy = (...args: string[]): Promise<RunResult> => run('deploy', '--from', ca.out, ...args);
  const rotate = (...args: string[]): Promise<RunResult> => run('rotate', '--all', '--deploy', ...args);
  const states = ({ services }: DeployDocument): string[] =>
    services.filter(({ kind }) => kind === 'etcd').map(({ state }) => state);
  /** Of both services of each member. */
  const every = (state: string): string[] => NODES.flatMap(() => [state, state]);

  async function leader(): Promise<string> {
    const client = await material(dir('app'));
    for (const name of NODES) {
      const request = 'POST /v3/maintenance/status HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}';
      const answer = await askAll(member(name).port, client, request).catch(() => '');
      const [, own] = /"member_id":"(\d+)"/.exec(answer) ?? [];
      if (own !== undefined && answer.includes(`"leader":"${own}"`)) return name;
    }
    throw new Error('no leader');
  }

  /** Both ports of each member serve this. */
  async function expectServed(certificates: Certificate[]): Promise<void> {
    const client = await material(dir('app'));
    for (const name of NODES)
      for (const port of [member(name).port, member(name).peerPort])
        expect([name, await served(port, client)]).toEqual([name, fingerprintOf(certificates, name, 'control')]);
  }

  /** Whatever it trusts now, one more CA in each bundle, by hand, as after an aborted change of the CA. */
  async function trustMore(): Promise<void> {
    for (const name of NODES) {
      await appendFile(join(dir(name), 'ca.pem'), other);
      const { pidFile, port } = member(name);
      const before = await readFile(pidFile, 'utf8');
      process.kill(Number(before), 'SIGTERM');
      await until('it is another process', async () => (await readFile(pidFile, 'utf8')) !== before);
      const client = await material(dir('app'));
      const health = 'GET /health HTTP/1.0\r\n\r\n';
      await until('it is healthy', async () =>
        (await askAll(port, client, health).catch(() => '')).includes('"health":"true"'),
      );
    }
  }

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    const billing = await Authority.init(join(servers.directory, 'billing'), 'billing');
    await billing.issueClients('app');
    other = await readFile(join(billing.client('app'), 'ca.pem'));
    places = await etcdPlaces(NODES.map(dir));
    const nodes = places.map((place, i) => {
      const { files, port, peerPort } = place;
      const command = JSON.stringify(etcdRestart(servers, place));
      return `
  ${NODES[i]}:
    ip: [127.0.0.1]
    planes: [control]
    services:
      - { kind: etcd, address: "127.0.0.1:${port}", dir: ${files}, reload: { command: ${command} } }
      - { kind: etcd, address: "127.0.0.1:${peerPort}", dir: ${files}, reload: { command: ${command}, clientAddress: "127.0.0.1:${port}" } }`;
    });
    const clients = `clients:\n  app: { services: [{ kind: files, dir: ${dir('app')} }] }\n`;
    await ca.issueInventory(`cluster: orders\nnodes:${nodes.join('')}\n${clients}`);
  }, 120_000);

  test('the files are placed before anything listens', async () => {
    const result = await deploy();
    expect([result.code, states(result.json())]).toEqual([0, every('placed')]);
    members = await startEtcdCluster(servers, places);
  }, 120_000);

  test('rotate --all --deploy: the leader last, nothing restarted, no operation fails, no connection is lost', async () => {
    const before = await pids();
    const first = await leader();
    const client = await material(dir('app'));
    const { clients, missed } = etcdLoad(
      members.map(({ port }) => port),
      () => client,
    );
    let document: DeployDocument & { certificates: Certificate[] } = { services: [], waves: [], certificates: [] };
    const { lasting, fresh } = await underSteadyLoad(clients, async (load) => {
      await load.progress(STEP);
      const result = await rotate();
      expect([result.code, result.stderr]).toEqual([0, '']);
      document = result.json();
      await load.progress(STEP);
    });
    expect([lasting?.failures, fresh?.failures]).toEqual([[], []]);
    expect(lasting?.operations).toBeGreaterThanOrEqual(2 * 2 * STEP);
    expect(fresh?.operations).toBeGreaterThanOrEqual(2 * 2 * STEP);
    expect(lasting?.connections).toBe(2);
    expect(fresh?.connections).toBeGreaterThanOrEqual(2 * (fresh?.operations ?? 0));
    // A swap may cost one handshake: the client has gone on to the next endpoint.
    expect(missed().length).toBeLessThanOrEqual(NODES.length);
    expect(states(document)).toEqual(every('confirmed'));
    const order = document.waves.flat().filter((name) => name !== 'app');
    expect(order.at(-1)).toBe(first);
    expect(await pids()).toEqual(before);
    await expectServed(document.certificates);
  }, 180_000);

  test('a change of the trust bundle alone: one restart of each member, the leader last, no operation fails', async () => {
    await trustMore();
    const [before, first, client] = [await pids(), await leader(), await material(dir('app'))];
    const { clients } = etcdLoad(
      members.map(({ port }) => port),
      () => client,
    );
    const logs = members.map(({ server }) => server.output().length);
    const { lasting, fresh } = await underSteadyLoad(clients, async (load) => {
      await load.progress(STEP);
      const result = await deploy();
      expect([result.code, result.stderr]).toEqual([0, '']);
      const document: DeployDocument = result.json();
      expect(states(document)).toEqual(every('confirmed'));
      const order = document.waves.flat().filter((name) => name !== 'app');
      expect([order.length, order.at(-1)]).toEqual([3, first]);
      await load.progress(STEP);
    });
    expect([lasting?.failures, fresh?.failures]).toEqual([[], []]);
    const after = await pids();
    for (const [i, pid] of after.entries()) expect(pid).not.toBe(before[i]);
    for (const [i, { server }] of members.entries()) {
      const said = server.output().slice(logs[i]);
      // Once, though it has two services.
      expect(said.match(/received terminated signal/g)).toHaveLength(1);
      // Nobody stands for election because the leader is silent.
      expect(said).not.toMatch(/is starting a new election/);
    }
    expect((await deploy()).json().services.map(({ state }: { state: string }) => state)).toEqual([
      ...every('unchanged'),
      'unchanged',
    ]);
  }, 180_000);

  test('--max-unavailable 3: the restarts come one after the other all the same', async () => {
    await trustMore();
    const client = await material(dir('app'));
    const { clients } = etcdLoad(
      members.map(({ port }) => port),
      () => client,
    );
    const { lasting, fresh } = await underSteadyLoad(clients, async (load) => {
      await load.progress(STEP);
      const result = await deploy('--max-unavailable', '3');
      expect([result.code, result.stderr]).toEqual([0, '']);
      await load.progress(STEP);
    });
    expect([lasting?.failures, fresh?.failures]).toEqual([[], []]);
  }, 180_000);

  test('killed at any moment, the next run makes it whole, and restarts nothing', async () => {
    const before = await pids();
    for (const delay of [700, 1000, 1300, 1700, 2200, 3000]) {
      await cli(['rotate', '--all', '--deploy', '--inventory', ca.inventory, '--json', '--yes'], {
        env: ca.env,
        onSpawn: (child) => setTimeout(() => child.kill('SIGKILL'), delay),
      });
      const result = await deploy();
      expect([delay, result.code, result.stderr]).toEqual([delay, 0, '']);
      const { certificates } = (await cli(['list', '--json'], { env: ca.env })).json();
      await expectServed(certificates);
      for (const name of NODES)
        expect((await readdir(dir(name))).filter((entry) => /^\.cluster-ca\.\d/.test(entry))).toHaveLength(1);
    }
    expect(await pids()).toEqual(before);
  }, 240_000);

  test('killed before a restart, twice: the third run has not forgotten it', async () => {
    await trustMore();
    const before = await pids();
    const inventory = await readFile(ca.inventory, 'utf8');
    const deadly = places.reduce(
      (text, at) => text.replaceAll(JSON.stringify(etcdRestart(servers, at)), '["sh", "-c", "kill -KILL $PPID"]'),
      inventory,
    );
    await writeFile(ca.inventory, deadly);
    // The new bundle is placed with the first, another certificate with the second.
    for (const killed of [await deploy(), await rotate('--out', ca.out)]) expect(killed.signal).toBe('SIGKILL');
    await writeFile(ca.inventory, inventory);
    expect(await pids()).toEqual(before);
    const result = await deploy();
    expect([result.code, result.stderr, states(result.json())]).toEqual([0, '', every('confirmed')]);
    for (const [i, pid] of (await pids()).entries()) expect(pid).not.toBe(before[i]);
  }, 180_000);

  test('verify --inventory finds nothing to say', async () => {
    const pair = ['cert', 'key'].flatMap((name) => [`--${name}`, join(dir('app'), `${name}.pem`)]);
    const result = await cli(['verify', '--inventory', ca.inventory, '--json', ...pair], { env: ca.env });
    expect([result.code, result.json().findings]).toEqual([0, []]);
  });
});
