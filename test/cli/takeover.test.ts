import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, errorObject } from './checks.ts';

// `rollover start --from-anchor`, with services that are directories, and what the other verbs say meanwhile.
const [legacy, cluster] = await Promise.all([newCluster({ name: 'legacy' }), newCluster()]);
const { ca, directory } = cluster;
const inventory = join(directory, 'cluster.yaml');
const anchor = join(directory, 'legacy.pem');
const place = (node: string): string => join(directory, 'served', node);

await done(legacy.ca, ['issue', 'n1', 'n2', '--plane', 'data']);
await mkdir(join(directory, 'served'), { mode: 0o700 });
for (const node of ['n1', 'n2']) await cp(join(legacy.out, node, 'data'), place(node), { recursive: true });
await cp(join(place('n1'), 'ca.pem'), anchor);
const nodes = ['n1', 'n2'].map(
  (node) => `  ${node}: { planes: [data], services: [{ kind: files, dir: ${place(node)} }] }\n`,
);
await writeFile(inventory, `cluster: orders\nnodes:\n${nodes.join('')}`);

interface Root {
  subject: string;
  authority?: string;
}

test('the plan names the CA that is to be taken over, and ours', async () => {
  const planned = await done<{ old: Root; new: Root; next: string; phase: string }>(ca, [
    ...['rollover', 'start', '--from-anchor', anchor, '--dry-run'],
  ]);
  expect(planned).toMatchObject({
    phase: 'stable',
    old: { subject: 'CN=legacy Root CA G1' },
    new: { authority: 'root-g1' },
    next: 'cluster-ca rollover start --from-anchor FILE',
  });
});

test('what is in use meanwhile is as it should be, and nobody is told to issue', async () => {
  await done(ca, ['rollover', 'start', '--from-anchor', anchor, '--yes']);
  await done(ca, ['rollover', 'advance', '--inventory', inventory, '--yes']);
  const { findings } = await done<{ findings: { code: string }[] }>(ca, ['verify', '--inventory', inventory]);
  expect(findings.filter(({ code }) => code !== 'not-seen')).toEqual([]);
  expect((await ca(['status'])).stdout).toMatch(/^next: cluster-ca rollover status$/m);
});

test('done: the old CA is trusted no more, and nobody says that its key was destroyed', async () => {
  const { stdout } = await ca(['rollover', 'run', '--inventory', inventory, '--yes']);
  expect(stdout).toContain('phase done: the old CA is trusted no more; its key never was ours\n');
  expect(stdout).not.toContain('destroyed');
  const bundle = (await ca(['export', '--format', 'bundle'])).stdout;
  expect(await readFile(join(place('n1'), 'ca.pem'), 'utf8')).toBe(bundle);
  // Again there is nothing to do: a pipeline may be run twice.
  const again = ['rollover', 'run', '--inventory', inventory, '--yes'];
  expect(await done(ca, again)).toMatchObject({ phase: 'done', steps: [] });
  errorObject(await ca(['rollover', 'advance', '--inventory', inventory, '--yes', '--json']), 'ERR_STATE');
  // The next one begins with our root, not with that of before.
  const planned = await done<{ old: Root; new?: Root }>(ca, ['rollover', 'start', '--dry-run']);
  expect(planned).toMatchObject({ phase: 'stable', old: { authority: 'root-g1' } });
  expect(planned.new).toBeUndefined();
});
