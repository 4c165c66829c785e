import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit } from './checks.ts';
import { expectBesideItsKey, expectWhole, history, validSerials } from './killed.ts';
import { canTrace, interrupted, moments, wasKilled } from './strace.ts';
import { files } from './tree.ts';

// The process is killed just before each step that makes something durable or visible. After the next run every
// committed certificate is beside its key: finished, not made anew. `init` and `revoke`: kill-state.test.ts.
const onLinux = canTrace ? test : test.skip;
const LIMIT = 240_000;
const [single, double, batch, rotating] = await Promise.all(
  ['single', 'double', 'batch', 'rotating'].map((name) => newCluster({ name })),
);
if (!single || !double || !batch || !rotating) throw new Error('four keystores were asked for');

describe('issue, killed at each step', () => {
  onLinux.each([
    ['one plane', single, ['--plane', 'data']],
    ['two planes', double, []],
  ])(
    '%s',
    async (_, cluster, flags) => {
      const { ca, directory } = cluster;
      const steps = await moments(cluster, join(directory, 'steps'), ['issue', 'undisturbed', ...flags]);
      expect(steps.length).toBeGreaterThan(5);
      let killed = 0;
      for (const [i, moment] of steps.entries()) {
        const node = `node-${i}`;
        if (wasKilled(await interrupted(cluster, moment, 'SIGKILL', ['issue', node, ...flags]))) killed++;
        const committed = await validSerials(cluster, node);
        // The next run is the same command, or one for another node that writes to the same place.
        if (i % 2 === 0) await done(ca, ['issue', node, ...flags]);
        else await done(ca, ['issue', `other-${i}`, '--plane', 'data']);
        await expectBesideItsKey(cluster, node);
        expect([moment, await validSerials(cluster, node)]).toEqual([
          moment,
          committed.length > 0 || i % 2 === 1 ? committed : expect.anything(),
        ]);
        await done(ca, ['issue', node, ...flags]);
        if (i % 4 === 0) await expectWhole(cluster);
      }
      expect(killed).toBeGreaterThan(steps.length / 2);
      await expectWhole(cluster);
      expect((await files(cluster.out)).filter((name) => name.includes('.cluster-ca.'))).toEqual([]);
    },
    LIMIT,
  );
});

onLinux(
  'a batch, killed at every fourth step',
  async () => {
    const { ca, directory } = batch;
    const inventory = async (name: string): Promise<string> => {
      const file = join(directory, `${name}.yaml`);
      const nodes = ['a', 'b', 'c', 'd'].map((node) => `  ${name}-${node}: { planes: [data] }`);
      await writeFile(file, ['cluster: batch', 'nodes:', ...nodes, ''].join('\n'));
      return file;
    };
    const steps = await moments(batch, join(directory, 'steps'), ['issue', '--inventory', await inventory('none')]);
    let killed = 0;
    for (const [i, moment] of steps.entries()) {
      if (i % 4 !== 0) continue;
      const name = `batch-${i}`;
      const command = ['issue', '--inventory', await inventory(name)];
      if (wasKilled(await interrupted(batch, moment, 'SIGKILL', command))) killed++;
      const nodes = ['a', 'b', 'c', 'd'].map((node) => `${name}-${node}`);
      const committed = await Promise.all(nodes.map((node) => validSerials(batch, node)));
      // A batch is one commit record: all or none.
      expect([0, 4]).toContain(committed.flat().length);
      await done(ca, command);
      for (const [n, node] of nodes.entries()) {
        await expectBesideItsKey(batch, node);
        if (committed[n]?.length) expect(await validSerials(batch, node)).toEqual(committed[n]);
      }
    }
    expect(killed).toBeGreaterThan(steps.length / 8);
    await expectWhole(batch);
  },
  LIMIT,
);

onLinux(
  'rotate, killed at each step',
  async () => {
    const { ca, directory } = rotating;
    await done(ca, ['issue', 'n1', 'n2', '--plane', 'data']);
    const steps = await moments(rotating, join(directory, 'steps'), ['rotate', 'n1']);
    expect(steps.length).toBeGreaterThan(5);
    let killed = 0;
    for (const [i, moment] of steps.entries()) {
      const before = (await history(rotating, 'n1')).length;
      if (wasKilled(await interrupted(rotating, moment, 'SIGKILL', ['rotate', 'n1']))) killed++;
      const [committed] = await validSerials(rotating, 'n1');
      // Old or new: there is always one that is valid, and after the next run it is the one on the disk.
      expect(committed).toBeDefined();
      if (i % 2 === 0) await done(ca, ['issue', 'n1', '--plane', 'data']);
      else await done(ca, ['rotate', 'n2']);
      await expectBesideItsKey(rotating, 'n1');
      expect([moment, await validSerials(rotating, 'n1')]).toEqual([moment, [committed]]);
      expect((await history(rotating, 'n1')).length - before).toBeLessThanOrEqual(1);
      if (i % 4 === 0) await expectWhole(rotating);
    }
    expect(killed).toBeGreaterThan(steps.length / 2);
    expectExit(await ca(['rotate', '--all']), 0);
    await expectBesideItsKey(rotating, 'n1');
    await expectWhole(rotating);
  },
  LIMIT,
);
