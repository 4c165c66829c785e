import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, errorObject } from './checks.ts';

// `revoke NODE --cut-off`, with services that are directories: what they hold is what they trust.
const cluster = await newCluster();
const { ca, directory } = cluster;
const inventory = join(directory, 'cluster.yaml');
const place = (node: string): string => join(directory, 'served', node);

await writeFile(
  inventory,
  `cluster: orders\nnodes:\n${['n1', 'n2', 'n3']
    .map((node) => `  ${node}: { planes: [data], services: [{ kind: files, dir: ${place(node)} }] }\n`)
    .join('')}`,
);
for (const node of ['n1', 'n2', 'n3']) await mkdir(place(node), { recursive: true, mode: 0o700 });
await done(ca, ['issue', '--inventory', inventory]);
await done(ca, ['deploy', '--inventory', inventory, '--yes']);
const cutOff = (...words: string[]): string[] => ['revoke', 'n2', '--cut-off', '--inventory', inventory, ...words];

interface CutOff {
  revoked: { node: string; status: string }[];
  accepting: { node: string; until: string }[];
  refused: { node: string; role: string }[];
  rollover: { phase: string; excluded: { node: string }[]; new: { authority: string } };
}

test('it says what it would do, and wants the name of the cluster', async () => {
  const plan = await done<CutOff>(ca, cutOff('--dry-run'));
  // Directories have a crl.pem.
  expect(plan.accepting).toEqual([]);
  expect(plan.revoked.map(({ node, status }) => [node, status])).toEqual([['n2', 'valid']]);
  expect((await ca(cutOff('--dry-run'))).stdout).toMatch(/\nWOULD REVOKE .*\nn2 +data /);
  expect(plan.rollover.phase).toBe('stable');
  errorObject(await ca(cutOff('--yes', '--json')), 'ERR_INPUT_REQUIRED');
  errorObject(await ca(cutOff('--plane', 'data', '--json')), 'ERR_USAGE');
  expect(await done(ca, ['rollover', 'status'])).toMatchObject({ phase: 'stable' });
});

test('the node has nothing that anybody trusts; the others go on under the new root', async () => {
  const before = await readFile(join(place('n2'), 'ca.pem'), 'utf8');
  const cut = await done<CutOff>(ca, cutOff('--confirm', 'orders'));
  expect(cut.rollover).toMatchObject({ phase: 'done', excluded: [{ node: 'n2' }], new: { authority: 'root-g2' } });
  expect(cut.revoked.map(({ node, status }) => [node, status])).toEqual([['n2', 'revoked']]);
  expect(new Set(cut.refused.map(({ node }) => node))).toEqual(new Set(['n1', 'n3']));
  expect(new Set(cut.refused.map(({ role }) => role))).toEqual(new Set(['accept', 'connect']));
  const bundle = (await ca(['export', '--format', 'bundle'])).stdout;
  for (const node of ['n1', 'n3']) {
    expect(await readFile(join(place(node), 'ca.pem'), 'utf8')).toBe(bundle);
    await done(ca, ['verify', join(place(node), 'cert.pem')]);
  }
  expect(await readFile(join(place('n2'), 'ca.pem'), 'utf8')).toBe(before);
  errorObject(await ca(['verify', join(place('n2'), 'cert.pem'), '--json']), 'ERR_PATH');
});

test('again: nothing to do, and nothing that would be done', async () => {
  const planned = await done<CutOff & { dryRun: boolean; steps?: unknown }>(ca, cutOff('--dry-run'));
  expect([planned.dryRun, planned.steps, planned.rollover.phase]).toEqual([true, undefined, 'done']);
  const text = (await ca(cutOff('--dry-run'))).stdout;
  expect(text).toMatch(/^nothing to do: n2 is cut off already\n/);
  // The proof is shown again: it may have been another command that finished it.
  for (const node of ['n1', 'n3'])
    for (const role of ['accept', 'connect'])
      expect(text).toMatch(new RegExp(`^${node} +files .*${role} +file +20.*T.*Z \\(`, 'm'));
  expect(text).toMatch(/\n2 services, in 4 roles, refuse every certificate of the old CA\n$/);
  const { rollover } = await done<CutOff>(ca, cutOff('--confirm', 'orders'));
  expect(rollover.new.authority).toBe('root-g2');
});

test('a certificate of the root in force: it is not cut off, whatever it was before; nor by a rollover that has given it one', async () => {
  await done(ca, ['issue', 'n2', '--inventory', inventory]);
  await done(ca, ['revoke', 'n2', '--yes']);
  const planned = await done<{ steps: { what: string }[] }>(ca, cutOff('--dry-run'));
  expect(planned.steps.map(({ what }) => what)).toEqual([
    'make a new root CA and issuing CA',
    'leave out n2, and go on to done',
  ]);
  await done(ca, ['issue', 'n2', '--inventory', inventory]);
  await done(ca, ['deploy', 'n2', '--inventory', inventory, '--from', cluster.out, '--yes']);
  await done(ca, ['rollover', 'start', '--yes']);
  for (const phase of ['distribute', 'issue-new'])
    expect(await done(ca, ['rollover', 'advance', '--inventory', inventory, '--yes'])).toMatchObject({ phase });
  const { message } = errorObject(await ca(cutOff('--dry-run', '--json')), 'ERR_STATE');
  expect(message).toBe('n2 has a certificate of the new root already: this rollover cannot cut it off');
  const { stderr } = await ca([
    ...['rollover', 'advance', '--inventory', inventory, '--exclude', 'n2', '--confirm', 'orders'],
  ]);
  expect(stderr).toMatch(/warning: n2 has a certificate of the new root: .*cluster-ca revoke n2 --cut-off/);
});
