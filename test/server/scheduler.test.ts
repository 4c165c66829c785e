import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { Event } from '../support/event-process.ts';
import { scratch } from '../support/scratch.ts';
import { type Material, served } from '../support/tls.ts';
import { Daemon } from './daemon.ts';

// Certificates of half a minute: everything that takes months elsewhere is seen here. Nothing depends on how long it takes.

const LIVES = ['--node-lifetime', '30s', '--rotate-before', '20s', '--alert-before', '8s', '--crl-lifetime', '20s'];
const work = await scratch('scheduler');
const inventory = join(work, 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory], LIVES);
let operator: Required<Material>;

const directory = (node: string): string => join(work, node);
/** A reload of its own ends when this file is there. */
const gate = join(work, 'gate');
const reached = join(work, 'reached');
const slow = `[sh, -c, "touch ${reached}; until [ -e ${gate} ]; do sleep 0.05; done"]`;
const yaml = (...nodes: string[]): string =>
  `cluster: orders\nnodes:\n  slow: { planes: [data], services: [{ kind: exec, dir: ${directory('slow')}, reload: { command: ${slow}, timeout: 60s } }] }\n${nodes.map((node) => `  ${node}: { planes: [data], services: [{ kind: files, dir: ${directory(node)} }] }\n`).join('')}`;

async function certificate(node: string): Promise<X509Certificate> {
  return new X509Certificate(await readFile(join(directory(node), 'cert.pem')));
}

/** Waits until a node's certificate is not the one that it was. */
async function replaced(node: string, before: X509Certificate): Promise<X509Certificate> {
  for (;;) {
    const now = await certificate(node);
    if (now.fingerprint256 !== before.fingerprint256) return now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const alertOf = (change: string, name: string, subject: string) => (event: Event) =>
  event.change === change && event.name === name && event.subject === subject;

beforeAll(async () => {
  await writeFile(inventory, yaml('n1', 'n2', 'n3'));
  await writeFile(gate, '');
  operator = await daemon.person('ann', '--role', 'operator', '--lifetime', '1d');
  await daemon.ca.run('issue', '--inventory', inventory, '--out', daemon.ca.out);
  await daemon.ca.run('deploy', '--inventory', inventory, '--from', daemon.ca.out, '--yes');
  await daemon.start();
});

test('every node is rotated by itself, again and again, before its certificate ends', async () => {
  for (const node of ['n1', 'n2', 'n3']) {
    let now = await certificate(node);
    for (let i = 0; i < 2; i++) {
      const next = await replaced(node, now);
      expect(Date.parse(next.validFrom)).toBeLessThan(Date.parse(now.validTo));
      now = next;
    }
  }
});

test("the daemon's own certificate too, without a restart; and its CRLs are renewed", async () => {
  const { serial: first } = await daemon.event('listening');
  const { serial: second } = await daemon.event('own-certificate', ({ replaces }) => replaces === first);
  const fingerprint = await served(daemon.port, operator);
  const { certificates } = await daemon.ca.run('list', '--all');
  const own = certificates.find((one: { fingerprint: string }) => one.fingerprint === fingerprint);
  expect([own.node, own.serial === first, second === first]).toEqual(['cluster-ca-serve', false, false]);
  await daemon.event('crl');
  expect((await daemon.call(operator, '/v1/cluster/alerts')).status).toBe(200);
  expect((await daemon.plain('/metrics')).text).toMatch(
    /cluster_ca_last_successful_run_timestamp_seconds\{what="crl"\} \d/,
  );
});

test('while a rotation is under way, what else there is is seen to', async () => {
  await Promise.all([rm(gate), rm(reached, { force: true })]);
  const rotate = '/v1/cluster/certificates/rotate';
  const asked = { method: 'POST', body: { nodes: ['slow'] }, headers: { prefer: 'respond-async' } };
  const location = (await daemon.call(operator, rotate, asked)).headers.location as string;
  const job = async (): Promise<string> => (await daemon.call(operator, location)).json().state;
  while (!existsSync(reached)) await new Promise((resolve) => setTimeout(resolve, 50));
  await daemon.person('brief', '--lifetime', '4s');
  await daemon.event('alert', ({ change, subject }) => change === 'raised' && String(subject).includes('brief'));
  expect(['waiting', 'running']).toContain(await job());
  await writeFile(gate, '');
  while (['waiting', 'running'].includes(await job())) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await job()).toBe('done');
}, 60_000);

test('a node that fails does not keep the others from it; it is told once, tried again, and resolved', async () => {
  const blocked = directory('n1');
  await rm(blocked, { recursive: true });
  await writeFile(blocked, 'not a directory');
  const n3 = await certificate('n3');
  await daemon.event('alert', alertOf('raised', 'node_rotation_failed', 'n1/data'));
  await replaced('n3', n3);
  const { alerts } = (await daemon.call(operator, '/v1/cluster/alerts')).json();
  expect(alerts.map(({ name, subject }: { name: string; subject: string }) => `${name} ${subject}`)).toContain(
    'node_rotation_failed n1/data',
  );
  await rm(blocked);
  await daemon.event('alert', alertOf('resolved', 'node_rotation_failed', 'n1/data'));
  expect((await certificate('n1')).subject).toBe('CN=n1');
  const raised = daemon.events.filter(alertOf('raised', 'node_rotation_failed', 'n1/data'));
  expect(raised).toHaveLength(1);
});

test('what fails of a node that the inventory has no more is over', async () => {
  const blocked = directory('n3');
  await rm(blocked, { recursive: true });
  await writeFile(blocked, 'not a directory');
  await daemon.event('alert', alertOf('raised', 'node_rotation_failed', 'n3/data'));
  await writeFile(inventory, yaml('n1', 'n2'));
  await daemon.event('alert', alertOf('resolved', 'node_rotation_failed', 'n3/data'));
  await rm(blocked);
  await writeFile(inventory, yaml('n1', 'n2', 'n3'));
});

test('an inventory that is broken is told, keeps nothing else from being done, and is read again when it is mended', async () => {
  await writeFile(inventory, 'cluster: orders\nnodes: [');
  await daemon.event('schedule-failed', ({ what }) => what === 'rotate');
  expect((await daemon.call(operator, '/v1/cluster/alerts')).status).toBe(200);
  const before = await certificate('n2');
  await writeFile(inventory, yaml('n1', 'n2', 'n3'));
  await replaced('n2', before);
});

test('after an outage, in which everything ended, everything is caught up', async () => {
  expect(await daemon.stop()).toBe(0);
  const before = await Promise.all(['n1', 'n2', 'n3'].map(certificate));
  const end = Math.max(...before.map(({ validTo }) => Date.parse(validTo)));
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, end + 1500 - Date.now())));
  await daemon.start();
  for (const [i, node] of ['n1', 'n2', 'n3'].entries()) {
    const now = await replaced(node, before[i] as X509Certificate);
    expect(Date.parse(now.validTo)).toBeGreaterThan(Date.now());
  }
  expect(daemon.stderr).toBe('');
});

test('switched off it leaves them alone, and says so by the alert; switched on again it goes on', async () => {
  const put = (enabled: boolean) =>
    daemon.call(operator, '/v1/job_scheduler', { method: 'PUT', body: { cert_rotation_job_settings: { enabled } } });
  expect((await put(false)).status).toBe(200);
  daemon.events.length = 0;
  await daemon.event(
    'alert',
    (event) => event.change === 'raised' && String(event.name).includes('certs_about_to_expire'),
  );
  const before = await certificate('n2');
  expect((await put(true)).status).toBe(200);
  await replaced('n2', before);
  await daemon.event('alert', (event) => event.change === 'resolved' && event.subject === 'n2/data');
  expect((await daemon.ca.run('keystore', 'check')).valid).toBe(true);
});
