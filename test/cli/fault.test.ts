import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, errorObject, expectExit, words } from './checks.ts';
import type { IssueDocument } from './documents.ts';
import { expectBesideItsKey, expectRevokedInCrl, expectWhole, history, validOf } from './killed.ts';
import { canTrace, injected, moments } from './strace.ts';

// The storage fails at one step. Exit 14: nothing was issued, or details.committed says what was. Exit 75: nobody
// knows. Either way the same command finishes, and the keystore is whole.
const onLinux = canTrace ? test : test.skip;
const cluster = await newCluster();
const { ca, directory } = cluster;

onLinux.each(['error=EIO', 'error=ENOSPC'] as const)(
  'issue, where a step answers %s',
  async (what) => {
    const kind = what.slice(-3).toLowerCase();
    const steps = await moments(cluster, join(directory, 'steps'), ['issue', `undisturbed-${kind}`], 4);
    let failed = 0;
    for (const [i, moment] of steps.entries()) {
      // Tidying up may fail without anybody being the worse for it.
      const node = `${kind}-${i}`;
      const issue = ['issue', node, '--plane', 'data', '--request-id', `request-${node}`];
      const result = await injected(cluster, moment, what, [...issue, '--json']);
      const committed = validOf(await history(cluster), node);
      if (result.code === 0) expect([moment, committed.length]).toEqual([moment, 1]);
      else {
        failed++;
        const error = errorObject(result, result.code === 75 ? 'ERR_OUTCOME_UNKNOWN' : 'ERR_STORAGE');
        expect(result.stdout).toBe('');
        if (result.code === 75) expect(words(error)).toContain(`request-${node}`);
        else if (error.details?.committed === undefined) expect([moment, committed]).toEqual([moment, []]);
      }
      const again = await ca([...issue, '--json']);
      expectExit(again, 0);
      const after = await history(cluster);
      await expectBesideItsKey(cluster, after, node);
      // The request id is bound to the certificate: what was committed is the one.
      if (committed.length > 0) expect([moment, validOf(after, node)]).toEqual([moment, committed]);
      expect(again.json() as IssueDocument).toMatchObject({ failed: [] });
    }
    expect(failed).toBeGreaterThan(0);
    await expectWhole(cluster);
  },
  240_000,
);

onLinux(
  'revoke, where an fsync answers EIO',
  async () => {
    await done(ca, ['issue', 'undisturbed', '--plane', 'data']);
    const steps = await moments(cluster, join(directory, 'steps'), ['revoke', 'undisturbed', '--yes'], 4);
    await done(ca, ['issue', ...steps.map((_, i) => `node-${i}`), '--plane', 'data']);
    for (const [i, moment] of steps.entries()) {
      const revoke = ['revoke', `node-${i}`, '--yes', '--json'];
      const result = await injected(cluster, moment, 'error=EIO', revoke);
      if (result.code !== 0) errorObject(result, result.code === 75 ? 'ERR_OUTCOME_UNKNOWN' : 'ERR_STORAGE');
      await expectRevokedInCrl(cluster, `node-${i}`);
      expectExit(await ca(revoke), 0);
      await expectRevokedInCrl(cluster, `node-${i}`);
    }
    await expectWhole(cluster);
  },
  240_000,
);
