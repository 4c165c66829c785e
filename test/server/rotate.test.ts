import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { jobSchema } from '../../src/server/rotation/schemas.ts';
import { scratch } from '../support/scratch.ts';
import type { Material } from '../support/tls.ts';
import { type Call, Daemon } from './daemon.ts';

const work = await scratch('rotate');
const inventory = join(work, 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory]);
const ROTATE = '/v1/cluster/certificates/rotate';
let operator: Required<Material>;

const directory = (node: string, plane: string): string => join(work, node, plane);
const files = (node: string, planes = ['control', 'data']): string =>
  `  ${node}: { services: [${planes.map((plane) => `{ plane: ${plane}, kind: files, dir: ${directory(node, plane)} }`).join(', ')}] }\n`;
const rotate = (body?: object, call: Call = {}) =>
  daemon.call(operator, ROTATE, { method: 'POST', ...(body && { body }), ...call });

async function serial(node: string, plane: string): Promise<string> {
  return new X509Certificate(await readFile(join(directory(node, plane), 'cert.pem'))).serialNumber.toLowerCase();
}

beforeAll(async () => {
  await writeFile(inventory, `cluster: orders\nnodes:\n${files('n1')}${files('n2')}`);
  operator = await daemon.person('ann', '--role', 'operator');
  for (const name of ['n1', 'n2']) await daemon.node(name);
  await daemon.ca.run('deploy', '--inventory', inventory, '--from', daemon.ca.out, '--yes');
  await daemon.start();
});

test('all: 200 with a result for each node and plane, and the files are the new ones', async () => {
  const before = await serial('n1', 'data');
  const { status, json } = await rotate();
  expect(status).toBe(200);
  const { nodes, state, progress } = jobSchema.parse(json());
  expect([state, progress]).toEqual(['done', { done: 2, total: 2 }]);
  expect(nodes.map((one) => [one.node, one.plane ?? '', one.state]).sort()).toEqual([
    ['n1', 'control', 'rotated'],
    ['n1', 'data', 'rotated'],
    ['n2', 'control', 'rotated'],
    ['n2', 'data', 'rotated'],
  ]);
  for (const { node, plane, serial: own } of nodes) expect(own).toBe(await serial(node, plane ?? ''));
  expect(await serial('n1', 'data')).not.toBe(before);
});

test("one plane, by Redis Enterprise's name; one node", async () => {
  const before = [await serial('n1', 'control'), await serial('n1', 'data'), await serial('n2', 'control')];
  const { nodes } = (await rotate({ name: 'ccs_internode_encryption', nodes: ['n1'] })).json();
  expect(nodes).toEqual([expect.objectContaining({ node: 'n1', plane: 'control', state: 'rotated' })]);
  const after = [await serial('n1', 'control'), await serial('n1', 'data'), await serial('n2', 'control')];
  expect([after[0] === before[0], after.slice(1)]).toEqual([false, before.slice(1)]);
});

test('a node that has no place: 409, and the others have rotated', async () => {
  await daemon.node('n3');
  const before = await serial('n2', 'data');
  const { status, json } = await rotate();
  expect([status, json().code]).toEqual([409, 'ERR_PARTIAL']);
  const open = json().nodes.filter((one: { state: string }) => one.state !== 'rotated');
  expect(open.map((one: { node: string; state: string }) => [one.node, one.state])).toEqual([
    ['n3', 'failed'],
    ['n3', 'failed'],
  ]);
  expect(await serial('n2', 'data')).not.toBe(before);
  // The inventory is read again when it changes.
  await writeFile(inventory, `cluster: orders\nnodes:\n${files('n1')}${files('n2')}${files('n3')}`);
  expect((await rotate({ nodes: ['n3'] })).status).toBe(200);
});

test('a directory that cannot be written: that node has failed, and says why', async () => {
  await writeFile(
    inventory,
    `cluster: orders\nnodes:\n${files('n1')}${files('n2')}${files('n3', ['data']).replace(directory('n3', 'data'), '/proc/none')}`,
  );
  const { status, json } = await rotate({ nodes: ['n3'], name: 'data' });
  expect([status, json().nodes[0].state, json().nodes[0].error.code]).toEqual([
    409,
    'failed',
    expect.stringMatching(/^ERR_/),
  ]);
  await writeFile(inventory, `cluster: orders\nnodes:\n${files('n1')}${files('n2')}${files('n3')}`);
});

describe('Prefer', () => {
  test('respond-async: 202, and the job tells how it went', async () => {
    const { status, headers, json } = await rotate({ nodes: ['n1'] }, { headers: { Prefer: 'respond-async' } });
    expect([status, headers['preference-applied']]).toEqual([202, 'respond-async']);
    expect(headers.location).toBe(`/v1/jobs/${json().job}`);
    for (;;) {
      const job = (await daemon.call(operator, headers.location as string)).json();
      expect(['waiting', 'running', 'done']).toContain(job.state);
      if (job.state !== 'done') continue;
      expect(job.nodes.map((one: { state: string }) => one.state)).toEqual(['rotated', 'rotated']);
      break;
    }
  });

  test('wait=0 is 202; wait beyond the longest is cut', async () => {
    expect((await rotate({ nodes: ['n1'] }, { headers: { Prefer: 'wait=0' } })).status).toBe(202);
    const { status, headers } = await rotate({ nodes: ['n1'] }, { headers: { Prefer: 'wait=999999' } });
    expect([status, headers['preference-applied']]).toEqual([200, 'wait=900']);
  });
});

describe('Idempotency-Key', () => {
  const headers = { 'Idempotency-Key': 'once-1' };

  test('the same request does not rotate twice, not even after a restart', async () => {
    const first = await rotate({ nodes: ['n1'] }, { headers });
    const after = await serial('n1', 'data');
    const second = await rotate({ nodes: ['n1'] }, { headers });
    expect([first.status, second.status, second.json().job]).toEqual([200, 200, first.json().job]);
    expect(await serial('n1', 'data')).toBe(after);
    await daemon.stop();
    await daemon.start();
    expect((await rotate({ nodes: ['n1'] }, { headers })).status).toBe(200);
    expect(await serial('n1', 'data')).toBe(after);
  });

  test('another request by the same key is 422, also after a restart', async () => {
    expect((await rotate({ nodes: ['n2'] }, { headers })).status).toBe(422);
    await daemon.stop();
    await daemon.start();
    expect((await rotate({ nodes: ['n2'] }, { headers })).status).toBe(422);
  });

  test("a key is the caller's own", async () => {
    const other = await daemon.person('bob', '--role', 'operator');
    expect((await daemon.call(other, ROTATE, { method: 'POST', body: { nodes: ['n2'] }, headers })).status).toBe(200);
  });
});

test.each<[object, number]>([
  [{ nodes: ['unknown'] }, 404],
  [{ nodes: ['..'] }, 400],
  [{ nodes: ['n1/../n2'] }, 400],
  [{ nodes: ['n1\u0000'] }, 400],
  [{ nodes: [] }, 400],
  [{ name: 'storage' }, 400],
  [{ name: 'proxy_certificate' }, 400],
  [{ all: true }, 400],
])('refused: %j is %d', async (body, status) => {
  const answer = await rotate(body);
  expect([answer.status, answer.json().status]).toEqual([status, status]);
});

test('job_scheduler: as Redis Enterprise has it, kept in the log', async () => {
  const path = '/v1/job_scheduler';
  const get = async () => (await daemon.call(operator, path)).json().cert_rotation_job_settings;
  const put = (settings: object) =>
    daemon.call(operator, path, { method: 'PUT', body: { cert_rotation_job_settings: settings } });
  expect(await get()).toEqual({ cron_expression: '0 * * * *', enabled: true, expiry_days_before_rotation: 60 });
  expect((await put({ cron_expression: '5 4 * * *', expiry_days_before_rotation: 30 })).status).toBe(200);
  expect((await put({ enabled: false })).status).toBe(200);
  const wanted = { cron_expression: '5 4 * * *', enabled: false, expiry_days_before_rotation: 30 };
  expect(await get()).toEqual(wanted);
  for (const wrong of [
    { expiry_days_before_rotation: 0 },
    { expiry_days_before_rotation: 91 },
    { expiry_days_before_rotation: 1.5 },
    { cron_expression: '61 * * * *' },
    { cron_expression: '@reboot' },
    { cron_expression: '* * * * * *' },
    { enabled: 'no' },
    { other: 1 },
  ])
    expect([wrong, (await put(wrong)).status]).toEqual([wrong, 400]);
  await daemon.stop();
  await daemon.start();
  expect(await get()).toEqual(wanted);
  expect((await daemon.ca.run('keystore', 'check')).valid).toBe(true);
});
