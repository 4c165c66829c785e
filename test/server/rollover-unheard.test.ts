import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { cli } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import type { Material } from '../support/tls.ts';
import { Daemon } from './daemon.ts';

// A rollover whose agents are not heard: no daemon, one that ends, and an agent that does not know the question. Each is
// named as what it is, with what helps, and nobody is waited for in vain.

const inventory = join(await scratch('rollover-unheard'), 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory]);
const serving = join(daemon.ca.env.CLUSTER_CA_KEYSTORE as string, 'serving');
let n1: Required<Material>;

const advance = () =>
  cli(['rollover', 'advance', '--inventory', inventory, '--json', '--yes'], { env: daemon.ca.env, timeout: 60_000 });
/** Who blocks the next `advance`, and what helps. */
async function blocker(): Promise<string[]> {
  const result = await advance();
  const { error } = JSON.parse(result.stderr);
  return [
    String(result.code),
    error.code,
    error.details.blocking.join(),
    error.message.split(': ').slice(1).join(': '),
    error.hint,
  ];
}

beforeAll(async () => {
  await writeFile(inventory, 'cluster: orders\nnodes:\n  n1: { planes: [data] }\n');
  n1 = await daemon.node('n1');
  await daemon.start();
  const report = { agent: '0.0.9', rank: 0, certificates: [], services: [], rotations: [] };
  const tell = () => daemon.call(n1, '/v1/nodes/n1/report', { method: 'POST', body: report });
  expect((await tell()).status).toBe(204);
  expect((await cli(['rollover', 'start', '--yes'], { env: daemon.ca.env })).code).toBe(0);
  /** As an agent does that knows of no rollover: it takes what it is told, and reports. */
  const old = async (): Promise<void> => {
    for (;;) {
      const { status } = await daemon.call(n1, '/v1/nodes/n1/next?wait=1');
      if (status === 200) await tell();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  old().catch(() => {});
  expect((await advance()).code).toBe(0);
});

test('an agent that does not know the question', async () => {
  expect(await blocker()).toEqual([
    '6',
    'ERR_STATE',
    'n1',
    'n1 is not proven to trust the new root: the agent 0.0.9 on n1 does not answer probes',
    expect.stringMatching(/^upgrade it: .*restart cluster-ca-agent there/),
  ]);
});

test('no daemon, and one that ends while it is asked', async () => {
  expect(JSON.parse(await readFile(serving, 'utf8')).pid).toBe(daemon.pid);
  expect(await daemon.stop()).toBe(0);
  expect(existsSync(serving)).toBe(false);
  const none = [
    '6',
    'ERR_STATE',
    'n1',
    'n1 is not proven to trust the new root: its agent is heard by cluster-ca serve alone, which does not run on this keystore',
    expect.stringMatching(/^start it \(cluster-ca serve/),
  ];
  expect(await blocker()).toEqual(none);
  await daemon.start();
  expect(await daemon.stop('SIGKILL')).toBe(null);
  expect(existsSync(serving)).toBe(true);
  expect(await blocker()).toEqual(none);
  await writeFile(serving, JSON.stringify({ host: hostname(), pid: process.pid }));
  const audit = async () => (await cli(['audit', 'export', '--format', 'ndjson'], { env: daemon.ca.env })).stdout;
  const before = (await audit()).split('"ask":true').length;
  const asked = blocker();
  while ((await audit()).split('"ask":true').length === before) await new Promise((resolve) => setTimeout(resolve, 50));
  await rm(serving);
  expect((await asked)[3]).toContain('cluster-ca serve, which hears its agent, has ended meanwhile');
});
