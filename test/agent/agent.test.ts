import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { Authority } from '../live/authority.ts';
import { type Answer, Daemon } from '../server/daemon.ts';
import { cli } from '../support/cli.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';
import { Servers, until } from '../support/servers.ts';
import { startRedis } from '../support/servers-redis.ts';
import { type Material, material, served } from '../support/tls.ts';
import { AgentProcess } from './agent-process.ts';

const work = await scratch('agent');
const inventory = join(work, 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory]);
const describeRedis = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('agent');
const ROTATE = '/v1/cluster/certificates/rotate';
let operator: Required<Material>;

const rotate = (...nodes: string[]): Promise<Answer> =>
  daemon.call(operator, ROTATE, { method: 'POST', body: { nodes } });
const serialIn = (dir: string): string =>
  new X509Certificate(readFileSync(join(dir, 'cert.pem'))).serialNumber.toLowerCase();
const alerts = async (): Promise<{ name: string; subject: string }[]> =>
  (await daemon.call(operator, '/v1/cluster/alerts')).json().alerts;

beforeAll(async () => {
  operator = await daemon.person('ann', '--role', 'operator');
  // Its names are the inventory's to give; its services are its agent's.
  await writeFile(inventory, 'cluster: orders\nnodes:\n  r1: { ip: [127.0.0.1], planes: [data] }\n');
  await daemon.start();
});

test('files: joined, placed, rotated by REST through its agent, with a key that was made there', async () => {
  const agent = new AgentProcess(daemon, 'n1', work);
  const [data, control] = [join(work, 'n1-data'), join(work, 'n1-control')];
  await agent.join();
  await agent.configure(
    `{ plane: data, kind: files, dir: ${data} }`,
    `{ plane: control, kind: files, dir: ${control} }`,
  );
  agent.start();
  await agent.event('service', ({ plane, state }) => plane === 'control' && state === 'placed');
  await daemon.event('agent', ({ node }) => node === 'n1');
  expect(serialIn(data)).toBe(serialIn(agent.files('data')));
  const before = [serialIn(data), serialIn(control)];
  const { status, json } = await rotate('n1');
  expect([status, json().nodes.map((one: { state: string }) => one.state)]).toEqual([200, ['rotated', 'rotated']]);
  const after = [serialIn(data), serialIn(control)];
  expect(after).toEqual([before[0], before[1]].map((old) => expect.not.stringMatching(old as string)));
  expect(
    json()
      .nodes.map((one: { serial: string }) => one.serial)
      .sort(),
  ).toEqual([...after].sort());
  // One plane alone, by the same request twice: once.
  const headers = { 'idempotency-key': 'one', 'content-type': 'application/json' };
  const call = { method: 'POST', headers, body: { nodes: ['n1'], name: 'data' } };
  expect((await daemon.call(operator, ROTATE, call)).status).toBe(200);
  const once = serialIn(data);
  await daemon.stop();
  await daemon.start();
  await agent.event('server-reachable');
  expect((await daemon.call(operator, ROTATE, call)).status).toBe(200);
  expect([serialIn(data), serialIn(control)]).toEqual([once, after[1]]);
  // What the command line has issued meanwhile, to nobody who serves it, is no hindrance.
  await daemon.ca.run('rotate', 'n1', '--plane', 'data', '--out', join(work, 'elsewhere'));
  expect((await rotate('n1')).status).toBe(200);
  expect([serialIn(data), serialIn(data)]).toEqual([serialIn(agent.files('data')), expect.not.stringMatching(once)]);
  expect([await agent.stop(), agent.stderr]).toEqual([0, '']);
});

test('a directory that cannot be written: 409 with what the agent says, an alert, and resolved when it can be', async () => {
  const agent = new AgentProcess(daemon, 'n2', work);
  await agent.join('data');
  await writeFile(join(work, 'n2-data'), 'in the way');
  await agent.configure(`{ kind: files, dir: ${join(work, 'n2-data')} }`);
  agent.start();
  await agent.event('service', ({ state }) => state === 'failed');
  await daemon.event('agent', ({ node }) => node === 'n2');
  const { status, json } = await rotate('n2');
  expect([status, json().nodes[0].state, json().nodes[0].services[0].state]).toEqual([409, 'failed', 'failed']);
  const found = (await alerts()).find(({ name }) => name === 'node_deployment_failed');
  expect(found?.subject).toBe('n2/data');
  await rm(join(work, 'n2-data'));
  await agent.event('service', ({ state }) => state === 'placed');
  await until('the alert is over', async () => !(await alerts()).some(({ subject }) => subject === 'n2/data'));
  expect(serialIn(join(work, 'n2-data'))).toBe(serialIn(agent.files('data')));
});

test('maxUnavailable: as many nodes at once, and no more', async () => {
  const names = ['m1', 'm2', 'm3'];
  const began = (name: string): string => join(work, `${name}.began`);
  // Each waits until another is at it, too: one alone never ends.
  const agents = names.map((name) => new AgentProcess(daemon, name, work));
  for (const [i, agent] of agents.entries()) {
    const others = names.filter((_, j) => j !== i).map((name) => `[ -e ${began(name)} ]`);
    const script = `touch ${began(names[i] as string)}; [ -e ${join(work, 'alone')} ] || until ${others.join(' || ')}; do sleep 0.05; done`;
    await agent.join('data');
    await agent.configure(
      `{ kind: exec, dir: ${join(work, `${names[i]}-data`)}, reload: { timeout: 5s, command: [sh, -c, "${script}"] } }`,
    );
  }
  for (const agent of agents) agent.start();
  await Promise.all(agents.map((agent) => agent.event('service', ({ state }) => state === 'placed')));
  for (const node of names) await daemon.event('agent', (event) => event.node === node);
  const states = async (body: object): Promise<unknown[]> => {
    for (const name of names) await rm(began(name), { force: true });
    const { status, json } = await daemon.call(operator, ROTATE, { method: 'POST', body: { nodes: names, ...body } });
    return [status, ...json().nodes.map(({ node, state }: { node: string; state: string }) => `${node} ${state}`)];
  };
  expect(await states({ maxUnavailable: 3 })).toEqual([200, 'm1 rotated', 'm2 rotated', 'm3 rotated']);
  expect(await states({})).toEqual([409, 'm1 failed', 'm2 pending', 'm3 pending']);
  const none = { method: 'POST', body: { maxUnavailable: 0 } };
  expect((await daemon.call(operator, ROTATE, none)).status).toBe(400);
  for (const agent of agents) await agent.stop();
});

test('an anchor that is added, and a revocation, reach the service by themselves; the daemon is known by our own alone', async () => {
  const elsewhere = await Authority.init(join(work, 'elsewhere'), 'monitoring');
  const bundle = join(work, 'monitoring.pem');
  await elsewhere.run('export', '--format', 'bundle', '--out', bundle);
  const agent = new AgentProcess(daemon, 'n3', work);
  const dir = join(work, 'n3-data');
  await agent.join('data');
  await agent.configure(`{ kind: files, dir: ${dir} }`);
  agent.start();
  await agent.event('service', ({ state }) => state === 'placed');
  const read = (file: string): string => readFileSync(join(dir, file), 'utf8');
  const [own, other, crl] = [read('ca.pem'), readFileSync(bundle, 'utf8'), read('crl.pem')];
  await daemon.ca.run('trust', 'add', bundle, '--yes');
  await until('the service has both', () => read('ca.pem') === own + other);
  expect(readFileSync(join(agent.files(), 'ca.pem'), 'utf8')).toBe(own + other);
  expect(JSON.parse(readFileSync(join(agent.out, 'n3/desired.json'), 'utf8')).anchors).toBe(own);
  await daemon.node('n4');
  await daemon.ca.run('revoke', 'n4', '--yes');
  await until('the service has the new CRL', () => read('crl.pem') !== crl);
  const fingerprint = new X509Certificate(other).fingerprint256.replaceAll(':', '').toLowerCase();
  await daemon.ca.run('trust', 'remove', fingerprint, '--yes');
  await until('the service has ours alone again', () => read('ca.pem') === own);
  expect((await rotate('n3')).status).toBe(200);
  expect([await agent.stop(), agent.stderr]).toEqual([0, '']);
});

describeRedis('a Redis', () => {
  test('rotated by REST, and by an agent that is killed amid it', async () => {
    const { ca } = daemon;
    const port = await freePort();
    const dir = join(work, 'redis');
    const agent = new AgentProcess(daemon, 'r1', work);
    await agent.join('data');
    await agent.configure(`{ kind: redis, address: "127.0.0.1:${port}", dir: ${dir} }`);
    agent.start();
    await agent.event('service', ({ state }) => state === 'placed');
    await startRedis(servers, { name: 'r1', port, files: dir });
    await ca.run('issue', '--client', 'app', '--out', ca.out);
    const app = await material(ca.client('app'));
    const seen = new Set<string>();
    const look = async () => {
      seen.add(await served(port, app));
      return seen.size;
    };
    await look();
    const rotated = await rotate('r1');
    expect([rotated.status, rotated.json().nodes[0].services[0].state]).toEqual([200, 'confirmed']);
    expect(await look()).toBe(2);
    for (const delay of [50, 200, 400, 700]) {
      const going = rotate('r1');
      await new Promise((resolve) => setTimeout(resolve, delay));
      await agent.stop('SIGKILL');
      agent.start();
      expect([delay, (await going).status]).toEqual([delay, 200]);
      const { certificates } = await ca.run('list', '--node', 'r1', '--plane', 'data');
      expect([delay, await served(port, app)]).toEqual([delay, certificates[0].fingerprint]);
    }
    const generations = readdirSync(dir).filter((name) => /^\.cluster-ca\.\d/.test(name));
    expect(generations).toHaveLength(1);
    expect(readdirSync(agent.files('data')).sort()).toEqual(['ca.pem', 'cert.pem', 'key.pem']);
    expect((await ca.run('keystore', 'check')).valid).toBe(true);
  });
});

test('what is wrong with its file is said with line and column, before anything is done', async () => {
  const config = join(work, 'wrong.yaml');
  const flags = ['--server', 'https://localhost:1', '--node', 'n1', '--config', config, '--out', work, '--json'];
  for (const [yaml, message] of [
    [
      'services:\n  - { plane: data, kind: redis, dir: /x, adress: y }\n',
      /wrong\.yaml:2:\d+: unknown key services\.0\.adress/,
    ],
    ['dns: [a]\n', /wrong\.yaml:1:1: unknown key dns/],
    [
      'services: [{ plane: data, kind: files, dir: relative }]\nplanes: [data]\n',
      /wrong\.yaml:1:\d+: dir: relative is not an absolute path/,
    ],
  ] as const) {
    await writeFile(config, yaml);
    const { code, error } = await cli(['agent', ...flags]);
    expect([code, error().error.message]).toEqual([2, expect.stringMatching(message)]);
  }
  await writeFile(config, 'services: []\n');
  const { code, error } = await cli(['agent', ...flags]);
  expect([code, error().error.code]).toEqual([6, 'ERR_NOT_FOUND']);
  expect(await readFile(config, 'utf8')).toBe('services: []\n');
});
