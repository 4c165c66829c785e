import { expect, test } from '@jest/globals';
import type { Operation } from './support/bench.ts';
import { expectRecovery } from './support/campaign.ts';
import { DiskModel } from './support/disk-model.ts';
import type { Ledger } from './support/invariant.ts';
import { allOperations, type Made } from './support/operations.ts';
import { describeFaults, faulty, LONG, sampled, storageCalls, textOf, trace, wasKilled } from './support/preload.ts';

// SIGKILL at each storage call, and again at each call of the run that recovers. `npm run fault:kill` tries every call.
const LIMIT = LONG ? 7_200_000 : 240_000;
/** How many calls CI tries of each; of a step of a rollover, and of what derives keys from passphrases. */
const CALLS = 8;
const SLOW_CALLS = 3;
/** How many kills of each are recovered from by a run that is killed at each of its calls, in the long form. */
const RECOVERIES = Number(process.env.FAULT_RECOVERIES ?? 6);

const operations = await allOperations();
const isSlow = (name: string): boolean => /^(rollover|passphrase)/.test(name);
/** The calls by which something comes to its name, and those behind them. */
const landmarks = (calls: readonly string[]): number[] =>
  calls.flatMap((call, i) => (/^(link|rename) /.test(call) ? [i + 1, i + 2] : []));

function report(name: string, tried: number, killed: number): void {
  if (LONG) process.stderr.write(`${name}: ${tried} storage calls, killed at ${killed}\n`);
  // The last ones may come after the end of the run, which is never quite the same.
  expect(killed).toBeGreaterThan(tried * 0.8);
}

describeFaults('killed at each storage call', () => {
  test.each(operations)(
    '%s',
    async (name, make) => {
      const operation = await make();
      operation.begin();
      const calls = await storageCalls(operation.target, operation.args);
      expect(calls.length).toBeGreaterThan(20);
      const tried = sampled(calls, isSlow(name) ? SLOW_CALLS : CALLS);
      let killed = 0;
      // Every other time a write is torn in half first.
      for (const [i, call] of tried.entries())
        if (await killedAt(operation, call, i % 2 === 0 ? 'kill' : 'tear')) killed++;
      report(name, tried.length, killed);
    },
    LIMIT,
  );

  test.each([
    ['init', 'while it makes its key file', /key$/, 8],
    [
      'rollover advance to issue-new',
      'before the new keys have their names',
      /^rename .*\/deploying\/.*\/key\.pem$/,
      2,
    ],
    ['rollover advance to done', 'before the files of destroyed keys are gone', /^unlink .*\/(sealed|slots)\//, 3],
  ])('%s, %s', async (name, _, which, most) => {
    const operation = await (new Map(operations).get(name) as Made)();
    operation.begin();
    const calls = await storageCalls(operation.target, operation.args);
    const chosen = calls.flatMap((call, i) => (which.test(call) ? [i + 1] : [])).slice(0, most);
    expect(chosen.length).toBeGreaterThan(1);
    for (const call of chosen) await killedAt(operation, call, 'tear');
  });
});

async function killedAt(operation: Operation, call: number, fault: 'kill' | 'tear'): Promise<boolean> {
  const ledger = operation.begin();
  const result = await faulty(operation.target, { call, fault }, operation.args);
  await expectRecovery(operation, ledger, result);
  return wasKilled(result);
}

/**
 * The disks that SIGKILL leaves before each call of a run, and amid each write: they follow from its calls, since SIGKILL
 * loses none that was made. Calls that leave the disk as it was are looked at once.
 * @param args the run, from what is on the disk now
 * @returns how many calls, and how many different disks
 */
async function killedAnywhere(
  operation: Operation,
  ledger: Ledger,
  args: string[],
): Promise<[calls: number, disks: number]> {
  const disk = new DiskModel(operation.target.directory);
  const { calls, result } = await trace(operation.target, args, [0, 6]);
  const ends = new DiskModel(operation.target.directory).digest('nothing');
  const looked = new Set(sampled(calls.map(textOf), 4));
  const seen = new Set<string>();
  const look = async (): Promise<void> => {
    const digest = disk.digest('nothing');
    if (seen.has(digest)) return;
    seen.add(digest);
    disk.restore('nothing');
    await expectRecovery(operation, ledger.copy(), { ...result, code: null });
  };
  for (const [i, call] of calls.entries()) {
    const half = (call.data?.length ?? 0) >> 1;
    if (looked.has(i + 1)) await look();
    if (looked.has(i + 1) && half > 0) {
      disk.apply({ ...call, data: call.data?.subarray(0, half) });
      await look();
      disk.apply({ ...call, data: call.data?.subarray(half) });
    } else disk.apply(call);
  }
  // It is the same disk that the run itself has left.
  expect(disk.digest('nothing')).toBe(ends);
  return [calls.length, seen.size];
}

if (LONG)
  describeFaults('the disk that SIGKILL leaves', () => {
    test.each(operations)(
      '%s',
      async (name, make) => {
        const operation = await make();
        const [calls, disks] = await killedAnywhere(operation, operation.begin(), operation.args);
        process.stderr.write(`${name}: ${calls} storage calls, ${disks} different disks\n`);
      },
      LIMIT,
    );
  });

describeFaults('killed again while it recovers', () => {
  test.each(operations.filter(([name]) => LONG || !isSlow(name) || name.endsWith('issue-new')))(
    '%s',
    async (name, make) => {
      const operation = await make();
      operation.begin();
      const first = landmarks(await storageCalls(operation.target, operation.args));
      const every = Math.ceil(first.length / (LONG ? RECOVERIES : 1));
      let [tried, disks] = [0, 0];
      for (const call of first.filter((_, i) => i % every === every >> 1)) {
        const ledger = operation.begin();
        ledger.note(await faulty(operation.target, { call, fault: 'kill' }, operation.args));
        const [calls, different] = await killedAnywhere(operation, ledger, await argsOf(operation));
        tried += calls;
        disks += different;
      }
      if (LONG) process.stderr.write(`${name}, recovery: ${tried} storage calls, ${disks} different disks\n`);
      expect(disks).toBeGreaterThan(0);
    },
    LIMIT,
  );
});

const argsOf = async ({ again }: Operation): Promise<string[]> => (typeof again === 'function' ? again() : again);
