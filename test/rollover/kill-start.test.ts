import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { done } from '../cli/checks.ts';
import { expectWhole } from '../cli/killed.ts';
import { canTrace, injected, moments, wasKilled } from '../cli/strace.ts';
import { newCluster } from '../support/clusters.ts';
import { abandon, finish, opened, step } from './driver.ts';

// `rollover start`, killed just before steps that make something durable or visible: either nothing has happened, or it
// is prepared; and the same command does, or has done, all of it.
const onLinux = canTrace ? test : test.skip;
const cluster = await newCluster();
const START = ['rollover', 'start', '--yes'];

interface Status {
  phase: string;
}

/** The keys of one hierarchy or two, and the audit key's: nothing that a killed run has left. */
async function expectKeys(hierarchies: number): Promise<void> {
  expect(await readdir(join(cluster.keystore, 'sealed'))).toHaveLength(2 * hierarchies + 1);
}

onLinux(
  'a killed start',
  async () => {
    const { ca, directory } = cluster;
    const all = await moments(cluster, join(directory, 'steps'), START);
    await abandon(cluster);
    // Every append of a record, and a sample of the rest.
    const steps = all.filter(([call], i) => call.startsWith('link') || i % 13 === 0).slice(0, 8);
    expect(steps.length).toBeGreaterThan(5);
    const phases: string[] = [];
    let killed = 0;
    for (const moment of steps) {
      if (wasKilled(await injected(cluster, moment, 'signal=SIGKILL', START))) killed++;
      const { phase } = await done<Status>(ca, ['rollover', 'status']);
      phases.push(phase);
      await expectWhole(cluster);
      if (phase === 'stable') await done(ca, START);
      await abandon(cluster);
      await expectKeys(1);
    }
    expect(killed).toBeGreaterThan(steps.length / 2);
    expect(phases).toContain('stable');
    await expectWhole(cluster);
  },
  240_000,
);

test('a last step that is killed behind its record: whoever writes next removes the keys', async () => {
  const { ca, keystore } = cluster;
  await done(ca, START);
  await step(cluster, 'prepared', 'distribute', 'issue-new', 'retire');
  const old = await opened(cluster, async ({ keystore: open }) =>
    open.state.authorities.slice(0, 2).map(({ sealed }) => `${sealed.keyId}.${sealed.epoch}`),
  );
  const { copyFile } = await import('node:fs/promises');
  for (const name of old) await copyFile(join(keystore, 'sealed', name), join(cluster.directory, name));
  await finish(cluster);
  for (const name of old) await copyFile(join(cluster.directory, name), join(keystore, 'sealed', name));
  await done(ca, ['crl', '--renew']);
  await expectKeys(1);
  await expectWhole(cluster);
});
