import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit } from './checks.ts';
import { expectBesideItsKey, expectWhole, history, validOf } from './killed.ts';
import { canTrace, injected, moments, wasKilled } from './strace.ts';
import { files } from './tree.ts';

// The process is killed just before each step that makes something durable or visible. After the next run every
// committed certificate is beside its key: finished, not made anew. `init` and `revoke`: kill-state.test.ts.
const onLinux = canTrace ? test : test.skip;
const LIMIT = 240_000;
const [single, double, batch, rotating] = await Promise.all(
  ['single', 'double', 'batch', 'rotating'].map((name) => newCluster({ name })),
);
if (!single || !double || !batch || !rotating) throw new Error('four keystores were asked for');

describe('issue, killed step by step', () => {
  onLinux.each([
    ['one plane', single, ['--plane', 'data'], 1],
    ['two planes', double, [], 4],
  ])(
    '%s',
    async (_, cluster, flags, every) => {
      const { ca, directory } = cluster;
      const steps = await moments(cluster, join(directory, 'steps'), ['issue', 'undisturbed', ...flags], every);
      expect(steps.length).toBeGreaterThan(5);
      let killed = 0;
      for (const [i, moment] of steps.entries()) {
        const node = `node-${i}`;
        if (wasKilled(await injected(cluster, moment, 'signal=SIGKILL', ['issue', node, ...flags]))) killed++;
        const committed = validOf(await history(cluster), node);
        // A run for another node may come in between: it must not sweep away what is needed.
        if (i % 2 === 1) await done(ca, ['issue', `other-${i}`, '--plane', 'data']);
        await done(ca, ['issue', node, ...flags]);
        const after = await history(cluster);
        await expectBesideItsKey(cluster, after, node);
        // What was committed is finished, and what was not is made.
        if (committed.length > 0) expect([moment, validOf(after, node)]).toEqual([moment, committed]);
        else expect(validOf(after, node)).toHaveLength(flags.length > 0 ? 1 : 2);
        if (i % 8 === 0) await expectWhole(cluster);
      }
      expect(killed).toBeGreaterThan(steps.length / 2);
      await expectWhole(cluster);
      expect((await files(cluster.out)).filter((name) => name.includes('.cluster-ca.'))).toEqual([]);
    },
    LIMIT,
  );
});

onLinux(
  'a batch, killed at every sixth step',
  async () => {
    const { ca, directory } = batch;
    const inventory = async (name: string): Promise<string> => {
      const file = join(directory, `${name}.yaml`);
      const nodes = ['a', 'b', 'c', 'd'].map((node) => `  ${name}-${node}: { planes: [data] }`);
      await writeFile(file, ['cluster: batch', 'nodes:', ...nodes, ''].join('\n'));
      return file;
    };
    const steps = await moments(batch, join(directory, 'steps'), ['issue', '--inventory', await inventory('none')], 6);
    let killed = 0;
    for (const [i, moment] of steps.entries()) {
      const name = `batch-${i}`;
      const command = ['issue', '--inventory', await inventory(name)];
      if (wasKilled(await injected(batch, moment, 'signal=SIGKILL', command))) killed++;
      const nodes = ['a', 'b', 'c', 'd'].map((node) => `${name}-${node}`);
      const before = await history(batch);
      const committed = nodes.flatMap((node) => validOf(before, node));
      // A batch is one commit record: all or none.
      expect([0, 4]).toContain(committed.length);
      if (i % 2 === 1) await done(ca, ['issue', `other-${i}`, '--plane', 'data']);
      await done(ca, command);
      const after = await history(batch);
      for (const node of nodes) await expectBesideItsKey(batch, after, node);
      if (committed.length > 0)
        expect([moment, nodes.flatMap((node) => validOf(after, node))]).toEqual([moment, committed]);
    }
    expect(killed).toBeGreaterThan(steps.length / 2);
    await expectWhole(batch);
  },
  LIMIT,
);

onLinux(
  'rotate, killed at every third step',
  async () => {
    const { ca, directory } = rotating;
    await done(ca, ['issue', 'n1', 'n2', '--plane', 'data']);
    const steps = await moments(rotating, join(directory, 'steps'), ['rotate', 'n1'], 3);
    expect(steps.length).toBeGreaterThan(5);
    let killed = 0;
    for (const [i, moment] of steps.entries()) {
      if (wasKilled(await injected(rotating, moment, 'signal=SIGKILL', ['rotate', 'n1']))) killed++;
      const committed = validOf(await history(rotating), 'n1');
      // Old or new: there is always one that is valid, and after the next run it is the one on the disk.
      expect(committed).toHaveLength(1);
      if (i % 2 === 1) await done(ca, ['rotate', 'n2']);
      await done(ca, ['issue', 'n1', '--plane', 'data']);
      const after = await history(rotating);
      await expectBesideItsKey(rotating, after, 'n1');
      expect([moment, validOf(after, 'n1')]).toEqual([moment, committed]);
      if (i % 8 === 0) await expectWhole(rotating);
    }
    expect(killed).toBeGreaterThan(steps.length / 2);
    expectExit(await ca(['rotate', '--all']), 0);
    await expectBesideItsKey(rotating, await history(rotating), 'n1');
    await expectWhole(rotating);
  },
  LIMIT,
);
