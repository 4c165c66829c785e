import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { clock } from '../cli/clock.ts';
import { scratch } from '../support/scratch.ts';
import type { Material } from '../support/tls.ts';
import { warmCli } from '../support/warm.ts';
import { type Answer, type Call, Daemon } from './daemon.ts';

// A rollover that is started at the command line and moved by REST, of services that the daemon deploys to itself.

const directory = await scratch('rollover-rest');
const inventory = join(directory, 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory]);
const { ca } = daemon;
let operator: Required<Material>;
let auditor: Required<Material>;

beforeAll(async () => {
  const nodes = ['n1', 'n2'].map(
    (name) => `  ${name}: { planes: [data], services: [{ kind: files, dir: ${join(directory, name)} }] }\n`,
  );
  const app = `  app: { services: [{ kind: files, dir: ${join(directory, 'app')} }] }\n`;
  await writeFile(inventory, `cluster: orders\nnodes:\n${nodes.join('')}clients:\n${app}`);
  await ca.run('issue', '--inventory', inventory, '--out', ca.out);
  await ca.run('deploy', '--inventory', inventory, '--from', ca.out, '--yes');
  operator = await daemon.person('ann', '--role', 'operator');
  auditor = await daemon.person('ben', '--role', 'auditor');
  await daemon.start();
});

/** With the trust bundle that was deployed last, as any client has it. */
async function call(of: Material, path: string, more: Call = {}): Promise<Answer> {
  return daemon.call({ ...of, ca: await readFile(join(directory, 'app', 'ca.pem')) }, path, more);
}

const board = async () => (await call(auditor, '/v1/rollover')).json();
const post = (what: 'advance' | 'rollback', body: object = {}, headers: Record<string, string> = {}) =>
  call(operator, `/v1/rollover/${what}`, { method: 'POST', body, headers });
const live = (...args: string[]) =>
  warmCli(['rollover', ...args, '--inventory', inventory, '--json', '--yes'], { env: ca.env });

/** What the operator says of the people, whom nobody can probe. */
async function confirmPeople(): Promise<void> {
  for (const name of ['ann', 'ben']) expect((await live('confirm', name)).code).toBe(0);
}

test('without a rollover: where it stands, and that there is nothing to move', async () => {
  expect(await board()).toMatchObject({ schemaVersion: 1, phase: 'stable', services: [], blockers: [] });
  const { status, json } = await post('advance');
  expect([status, json()]).toMatchObject([
    409,
    { code: 'ERR_STATE', detail: 'no rollover is in progress', hint: 'cluster-ca rollover start begins one' },
  ]);
});

test('phase by phase by REST; the last step is the command line’s', async () => {
  expect((await live('start')).code).toBe(0);
  const abandoned = await post('rollback');
  expect([abandoned.status, abandoned.json()]).toMatchObject([
    409,
    { type: 'urn:cluster-ca:problem:needs-root-domain', hint: expect.stringContaining('cluster-ca rollover rollback') },
  ]);

  const first = await post('advance', { from: 'prepared' }, { 'idempotency-key': 'one' });
  expect([first.status, first.json()]).toMatchObject([200, { state: 'done', rollover: { phase: 'distribute' } }]);
  expect(first.json().rollover.deployed).toHaveLength(3);
  // The same key with the same request is the same job; with another it is refused; so is another phase.
  expect((await post('advance', { from: 'prepared' }, { 'idempotency-key': 'one' })).json().job).toBe(first.json().job);
  expect((await post('advance', {}, { 'idempotency-key': 'one' })).status).toBe(422);
  const elsewhere = await post('advance', { from: 'prepared' });
  expect([elsewhere.status, elsewhere.json()]).toMatchObject([
    409,
    { type: 'urn:cluster-ca:problem:rollover-elsewhere', phase: 'distribute' },
  ]);

  // The board is the command line's, field by field.
  const { warnings: _, ...shown } = (await live('status')).json();
  expect(await board()).toEqual(shown);

  const blocked = await post('advance');
  expect([blocked.status, blocked.headers['content-type']]).toEqual([409, 'application/problem+json; charset=utf-8']);
  const problem = blocked.json();
  expect(problem).toMatchObject({
    type: 'urn:cluster-ca:problem:rollover-blocked',
    code: 'ERR_STATE',
    phase: 'distribute',
    blocking: ['ann', 'ben'],
  });
  // The same as the command line says of it.
  const told = await live('advance');
  expect(told.code).toBe(6);
  const { error } = JSON.parse(told.stderr);
  expect([problem.detail, problem.hint, problem.blockers]).toEqual([error.message, error.hint, error.details.blockers]);

  // In the metrics at once; an alert when nobody has been at it for a minute.
  const metrics = (await daemon.plain('/metrics')).text;
  expect(metrics).toContain('cluster_ca_rollover_phase{cluster="orders",phase="distribute"} 1\n');
  expect(metrics).toContain('cluster_ca_rollover_phase{cluster="orders",phase="stable"} 0\n');
  expect(metrics).toContain('cluster_ca_rollover_blocking{cluster="orders"} 2\n');
  expect(metrics).toMatch(/^cluster_ca_rollover_phase_start_timestamp_seconds\{cluster="orders"\} \d+$/m);
  const status = await warmCli(['status', '--json'], { env: { ...ca.env, ...clock('2m') } });
  expect([status.code, status.json().rollover]).toMatchObject([4, { phase: 'distribute', blocking: ['ann', 'ben'] }]);
  expect(status.json().alerts).toContainEqual(
    expect.objectContaining({
      name: 'rollover_blocked',
      subject: 'rollover',
      severity: 'warning',
      message: expect.stringContaining('it is blocked in distribute by ann, ben: client ann is not proven'),
      hint: expect.stringContaining('cluster-ca rollover confirm ann'),
    }),
  );

  await confirmPeople();
  const later = await post('advance', {}, { prefer: 'respond-async' });
  expect([later.status, later.headers['preference-applied']]).toEqual([202, 'respond-async']);
  const location = later.headers.location as string;
  for (;;) {
    const job = (await call(auditor, location)).json();
    if (job.state === 'done') break;
    expect(['waiting', 'running']).toContain(job.state);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await board()).toMatchObject({ phase: 'issue-new', issuer: 'new' });

  // After a restart the key still stands for what it has done.
  expect(await daemon.stop()).toBe(0);
  await daemon.start();
  const again = await post('advance', { from: 'prepared' }, { 'idempotency-key': 'one' });
  expect([again.status, again.json()]).toMatchObject([200, { rollover: { phase: 'issue-new', steps: [] } }]);

  expect((await post('advance')).json().blocking).toEqual(['ann', 'ben']);
  for (const [name, role] of [
    ['ann', 'operator'],
    ['ben', 'auditor'],
  ] as const)
    await ca.run('issue', '--client', name, '--role', role, '--force-new', '--out', ca.out);
  await confirmPeople();
  operator = await daemon.person('ann', '--role', 'operator');
  auditor = await daemon.person('ben', '--role', 'auditor');
  const retired = await post('advance');
  expect([retired.status, retired.json().rollover]).toMatchObject([200, { phase: 'retire', trust: ['new'] }]);
  await confirmPeople();
  const last = await post('advance');
  expect([last.status, last.json()]).toMatchObject([
    409,
    {
      type: 'urn:cluster-ca:problem:needs-root-domain',
      phase: 'retire',
      hint: 'at the command line: cluster-ca rollover advance --inventory cluster.yaml',
    },
  ]);
  const done = await live('advance');
  expect([done.code, done.json().phase]).toEqual([0, 'done']);
  expect(await board()).toMatchObject({ phase: 'done', services: [] });
}, 180_000);

test('begun to be taken back by REST, ended at the command line', async () => {
  const before = await readFile(join(directory, 'n1', 'ca.pem'), 'utf8');
  expect((await live('start')).code).toBe(0);
  expect((await post('advance')).status).toBe(200);
  await confirmPeople();
  const back = await post('rollback');
  // Whoever is silent blocks its end, as at the command line; how far it came is told.
  expect([back.status, back.json()]).toMatchObject([
    409,
    { type: 'urn:cluster-ca:problem:rollover-blocked', phase: 'rollback', blocking: ['ann', 'ben'] },
  ]);
  expect(back.json().steps.map(({ what }: { what: string }) => what)).toContain(
    'take the new root out of the trust bundles again',
  );
  expect(await board()).toMatchObject({ phase: 'rollback', withdrawn: true, issuer: 'old' });
  await confirmPeople();
  expect((await post('rollback')).json().type).toBe('urn:cluster-ca:problem:needs-root-domain');
  expect((await post('advance')).json().type).toBe('urn:cluster-ca:problem:needs-root-domain');
  const end = await live('rollback');
  expect([end.code, end.json().phase]).toEqual([0, 'stable']);
  expect(await readFile(join(directory, 'n1', 'ca.pem'), 'utf8')).toBe(before);
  expect(daemon.events.filter(({ event }) => event === 'bug')).toEqual([]);
  expect([await daemon.stop(), daemon.stderr]).toEqual([0, '']);
}, 180_000);
