import { expect, test } from '@jest/globals';
import { type ErrorObject, errorObject, words } from '../cli/checks.ts';
import type { IssueDocument } from '../cli/documents.ts';
import type { RunResult } from '../support/cli.ts';
import type { Operation } from './support/bench.ts';
import { expectRecovery, lookAt } from './support/campaign.ts';
import type { Ledger, Truth } from './support/invariant.ts';
import { allOperations, type Made } from './support/operations.ts';
import { describeFaults, type Fault, faulty, LONG, sampled, storageCalls } from './support/preload.ts';

// The storage answers with an error at the k-th call, or writes less than it was given. Exit 14: nothing was done, or
// details.committed says what was. Exit 75: nobody knows. Exit 0: it was done. Exit 3: some were handed out. The same command finishes either way.
// `npm run fault:errors` tries every call with every fault.
const LIMIT = LONG ? 7_200_000 : 240_000;
/** How many calls CI tries of each. */
const CALLS = 5;
const ERRORS: [Fault, boolean][] = [
  ['EIO', false],
  ['ENOSPC', false],
  ['ENOSPC', true],
  ['EDQUOT', false],
];
const HARMLESS: Fault[] = ['EINTR', 'short'];
const operations = await allOperations();
const tried = LONG ? operations : operations.filter(([name]) => ['issue of one node', 'revoke'].includes(name));

async function callsOf(operation: Operation): Promise<string[]> {
  operation.begin();
  return storageCalls(operation.target, operation.args);
}

/** How many certificates there are; a probe is the run's own, and goes with it. */
const handedOut = (truth: Truth | undefined): number =>
  truth?.certificates.filter(({ kind }) => kind !== 'probe').length ?? 0;

/** A failure names itself by the right code, and hands out nothing. */
async function expectHonest(operation: Operation, ledger: Ledger, result: RunResult, before: number): Promise<void> {
  if (result.code === 0) return;
  if (result.code === 3) {
    // Some were handed out. Of what was not it says why, and what of it was committed.
    const certificates = (await lookAt(operation, ledger))?.certificates ?? [];
    const unnamed = certificates.filter(({ serial }) => !ledger.issued.has(serial));
    for (const { node, plane, error } of (result.json() as IssueDocument).failed) {
      const { code, details } = error as ErrorObject;
      expect(code).toBe('ERR_STORAGE');
      const made = unnamed.filter((one) => one.name === node && one.plane === plane).map(({ serial }) => serial);
      expect([node, plane, details?.committed ?? []]).toEqual([node, plane, made]);
    }
    return;
  }
  const error = errorObject(result, result.code === 75 ? 'ERR_OUTCOME_UNKNOWN' : 'ERR_STORAGE');
  expect(result.stdout).toBe('');
  if (result.code === 75) expect(words(error)).toContain('request');
  const after = handedOut(await lookAt(operation, ledger));
  if (result.code === 14 && error.details?.committed === undefined)
    expect([result.stderr, after]).toEqual([result.stderr, before]);
}

describeFaults('an error of the storage', () => {
  test.each(tried)(
    '%s',
    async (name, make) => {
      const operation = await make();
      const calls = await callsOf(operation);
      const before = handedOut(await lookAt(operation, operation.begin()));
      let [runs, failed] = [0, 0];
      for (const [fault, stays] of ERRORS)
        for (const call of sampled(calls, CALLS)) {
          const ledger = operation.begin();
          const result = await faulty(operation.target, { call, fault, stays }, operation.args);
          runs++;
          if (result.code !== 0) failed++;
          await expectHonest(operation, ledger, result, before);
          await expectRecovery(operation, ledger, result);
        }
      if (LONG)
        process.stderr.write(`${name}: ${runs} errors over ${calls.length} storage calls, ${failed} runs failed\n`);
      expect(failed).toBeGreaterThan(0);
    },
    LIMIT,
  );
});

describeFaults('an error behind the commit', () => {
  test('rollover advance says what was issued, and goes on from there', async () => {
    const operation = await (new Map(operations).get('rollover advance to issue-new') as Made)();
    const calls = await callsOf(operation);
    const staged = calls.findLastIndex((call) => /^rename .*\/deploying\/.*\/cert\.pem$/.test(call));
    const record = calls.findIndex((call, i) => i > staged && /^link .*\/log\/\d+\/\d+$/.test(call));
    const written = calls.slice(0, record).findLastIndex((call) => /^write .*\/keystore\/tmp\//.test(call));
    const ledger = operation.begin();
    const result = await faulty(operation.target, { call: written + 1, fault: 'EIO' }, operation.args);
    const committed = (errorObject(result, 'ERR_STORAGE').details?.committed ?? []) as string[];
    expect(committed).toHaveLength(2);
    for (const serial of committed) ledger.issued.add(serial);
    await expectRecovery(operation, ledger, result);
  });
});

describeFaults('a call that was interrupted, a write that was short', () => {
  test.each(tried)(
    '%s: nobody notices',
    async (_, make) => {
      const operation = await make();
      const calls = await callsOf(operation);
      const writes = calls.flatMap((call, i) => (/^p?writev? /.test(call) ? [i + 1] : []));
      for (const fault of HARMLESS) {
        const numbers = fault === 'short' ? writes : calls.map((_call, i) => i + 1);
        for (const chosen of sampled(numbers.map(String), CALLS)) {
          const number = numbers[chosen - 1] as number;
          const ledger = operation.begin();
          const result = await faulty(operation.target, { call: number, fault }, operation.args);
          expect([fault, number, result.code, result.stderr]).toEqual([fault, number, 0, '']);
          await expectRecovery(operation, ledger, result);
        }
      }
    },
    LIMIT,
  );
});
