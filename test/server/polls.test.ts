import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/servers.ts';
import { type Answer, Daemon, materialOf } from './daemon.ts';

// Many agents hold a poll each: the daemon has time for others, and news reaches all. CLUSTER_CA_POLLS=1000 is the long form.

const NODES = Array.from({ length: Number(process.env.CLUSTER_CA_POLLS ?? 150) }, (_, i) => `n${i}`);
const work = await scratch('polls');
const inventory = join(work, 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory]);
const polls: { node: string; answer: Promise<Answer> }[] = [];

const poll = async (node: string, query: string): Promise<Answer> =>
  daemon.call(await materialOf(daemon.ca.node(node, 'data')), `/v1/nodes/${node}/next?${query}`);

async function areHeld(count: number): Promise<void> {
  await until(`${count} polls are held`, async () => {
    const { text } = await daemon.plain('/metrics');
    return text.includes(`cluster_ca_agents_waiting ${count}\n`);
  });
}

async function holdAll(seen: string): Promise<void> {
  // The metrics are of a moment ago: what they say of the polls before is waited for first.
  await areHeld(0);
  polls.length = 0;
  for (const node of NODES) {
    polls.push({ node, answer: poll(node, `wait=300&seen=${seen}`) });
    if (polls.length % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await areHeld(NODES.length);
}

beforeAll(async () => {
  await writeFile(
    inventory,
    `cluster: orders\nnodes:\n${NODES.map((node) => `  ${node}: { planes: [data] }\n`).join('')}`,
  );
  await daemon.ca.run('issue', '--inventory', inventory, '--out', daemon.ca.out);
  await daemon.start();
});

test('a newer poll of a node ends the older, and neither keeps the daemon busy: an agent that was restarted has two', async () => {
  const { version } = (await poll('n0', '')).json();
  const older = poll('n0', `wait=300&seen=${version}`);
  await areHeld(1);
  const newer = poll('n0', `wait=300&seen=${version}`);
  expect((await older).status).toBe(204);
  await areHeld(1);
  const last = poll('n0', `wait=1&seen=${version}`);
  expect([(await newer).status, (await last).status]).toEqual([204, 204]);
});

test('what is not news is held; a new CRL reaches all; the end of the daemon ends them', async () => {
  const first = await poll('n0', '');
  const { version, trustBundle, crls, rotations } = first.json();
  expect([first.status, rotations, crls.map(({ role }: { role: string }) => role)]).toEqual([
    200,
    [],
    ['issuing', 'root'],
  ]);
  expect(trustBundle).toBe(await readFile(join(daemon.ca.node('n0', 'data'), 'ca.pem'), 'utf8'));
  expect((await poll('n0', `seen=${version}`)).status).toBe(204);
  await holdAll(version);
  expect((await daemon.plain('/readyz')).status).toBe(200);
  await daemon.ca.run('crl', '--renew');
  const answers = await Promise.all(polls.map(({ answer }) => answer));
  const versions = new Set(answers.map((answer) => (answer.status === 200 ? answer.json().version : answer.status)));
  expect([versions.size, versions.has(version)]).toEqual([1, false]);
  await holdAll([...versions][0] as string);
  expect(await daemon.stop()).toBe(0);
  const ended = await Promise.allSettled(polls.map(({ answer }) => answer));
  expect(ended.filter((one) => one.status === 'fulfilled' && one.value.status !== 204)).toEqual([]);
  expect(ended.filter(({ status }) => status === 'rejected')).toEqual([]);
}, 180_000);
