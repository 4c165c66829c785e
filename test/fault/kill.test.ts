import { expect, test } from '@jest/globals';
import type { Operation } from './support/bench.ts';
import { expectRecovery, Findings } from './support/campaign.ts';
import { DiskModel } from './support/disk-model.ts';
import type { Ledger } from './support/invariant.ts';
import { allOperations, type Made } from './support/operations.ts';
import { describeFaults, faulty, LONG, sampled, textOf, wasKilled } from './support/preload.ts';

// SIGKILL at each storage call, and again at each call of the run that recovers. What it leaves on the disk follows from the
// calls that a run makes, so most of it is put there by a model, and the signal itself sent at some. `npm run fault:kill` tries every call.
const LIMIT = LONG ? 14_400_000 : 240_000;
/** How many disks of each CI looks at, besides sending the signal once; of what takes long. */
const DISKS = 5;
const SLOW_DISKS = 2;
/** How many disks of a run that recovers it looks at. */
const RECOVERED = 3;
/** How many kills of each are recovered from by a run that is killed at each of its calls, in the long form. */
const RECOVERIES = Number(process.env.FAULT_RECOVERIES ?? 6);

const operations = await allOperations();
const isSlow = (name: string): boolean => /^(rollover|passphrase)/.test(name);
/** The calls by which something comes to its name, and those behind them. */
const landmarks = (calls: readonly string[]): number[] =>
  calls.flatMap((call, i) => (/^(link|rename) /.test(call) ? [i + 1, i + 2] : []));

/** Where CI sends the signal: another way along each operation. */
const signalled = (calls: readonly string[], which: number): number =>
  landmarks(calls)[Math.floor(landmarks(calls).length * ((which * 0.618) % 1))] as number;

function report(name: string, tried: number, killed: number): void {
  if (LONG) process.stderr.write(`${name}: ${tried} storage calls, killed at ${killed}\n`);
  // The last ones may come after the end of the run, which is never quite the same.
  expect(killed).toBeGreaterThan(tried * 0.8);
}

const callsOf = async (operation: Operation): Promise<string[]> => {
  operation.begin();
  return (await operation.trace(operation.args)).calls.map(textOf);
};

describeFaults('killed at each storage call', () => {
  test.each(operations)(
    '%s',
    async (name, make) => {
      const operation = await make();
      const calls = await callsOf(operation);
      expect(calls.length).toBeGreaterThan(20);
      const first = operations.findIndex(([one]) => one === name);
      const tried = LONG ? sampled(calls, 0) : [signalled(calls, first)];
      let killed = 0;
      // Every other time a write is torn in half first.
      for (const [i, call] of tried.entries())
        if (await killedAt(operation, call, (first + i) % 2 === 0 ? 'kill' : 'tear')) killed++;
      report(name, tried.length, killed);
    },
    LIMIT,
  );
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
 * @param choose the numbers of the calls to look before
 * @returns how many calls, and how many different disks
 */
async function killedAnywhere(
  operation: Operation,
  ledger: Ledger,
  args: string[],
  choose: (calls: readonly string[]) => number[],
): Promise<[calls: number, disks: number]> {
  const disk = new DiskModel(operation.target.directory);
  const { calls, result } = await operation.trace(args, [0, 6]);
  const ends = new DiskModel(operation.target.directory).digest('nothing');
  const looked = new Set(choose(calls.map(textOf)));
  const seen = new Set<string>();
  const findings = new Findings();
  const look = async (when: string): Promise<void> => {
    const digest = disk.digest('nothing');
    if (seen.has(digest)) return;
    seen.add(digest);
    await findings.at(when, async () => {
      disk.restore('nothing');
      await expectRecovery(operation, ledger.copy(), { ...result, code: null });
    });
  };
  for (const [i, call] of calls.entries()) {
    const half = (call.data?.length ?? 0) >> 1;
    if (looked.has(i + 1)) await look(`before call ${i + 1}, ${textOf(call)}`);
    if (looked.has(i + 1) && half > 0) {
      disk.apply({ ...call, data: call.data?.subarray(0, half) });
      await look(`amid call ${i + 1}, ${textOf(call)}`);
      disk.apply({ ...call, data: call.data?.subarray(half) });
    } else disk.apply(call);
  }
  findings.expectNone();
  // It is the same disk that the run itself has left.
  expect(disk.digest('nothing')).toBe(ends);
  return [calls.length, seen.size];
}

describeFaults('the disk that SIGKILL leaves', () => {
  test.each(operations)(
    '%s',
    async (name, make) => {
      const operation = await make();
      const choose = (calls: readonly string[]): number[] => sampled(calls, isSlow(name) ? SLOW_DISKS : DISKS);
      const [calls, disks] = await killedAnywhere(operation, operation.begin(), operation.args, choose);
      if (LONG) process.stderr.write(`${name}: ${calls} storage calls, ${disks} different disks\n`);
      expect(disks).toBeGreaterThan(1);
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
    const choose = (calls: readonly string[]): number[] =>
      calls.flatMap((call, i) => (which.test(call) ? [i + 1] : [])).slice(0, most);
    const [, disks] = await killedAnywhere(operation, operation.begin(), operation.args, choose);
    expect(disks).toBeGreaterThan(1);
  });
});

describeFaults('killed again while it recovers', () => {
  test.each(operations.filter(([name]) => LONG || !isSlow(name) || name.endsWith('issue-new')))(
    '%s',
    async (name, make) => {
      const operation = await make();
      const first = landmarks(await callsOf(operation));
      const every = Math.ceil(first.length / (LONG ? RECOVERIES : 1));
      let [tried, disks] = [0, 0];
      for (const call of first.filter((_, i) => i % every === every >> 1)) {
        const ledger = operation.begin();
        await killedBefore(operation, call);
        const choose = (calls: readonly string[]): number[] => sampled(calls, RECOVERED);
        const [calls, different] = await killedAnywhere(operation, ledger, await argsOf(operation), choose);
        tried += calls;
        disks += different;
      }
      if (LONG) process.stderr.write(`${name}, recovery: ${tried} storage calls, ${disks} different disks\n`);
      expect(disks).toBeGreaterThan(0);
    },
    LIMIT,
  );
});

/** Leaves the disk that a run that is killed before one of its calls leaves. */
async function killedBefore(operation: Operation, call: number): Promise<void> {
  const disk = new DiskModel(operation.target.directory);
  const { calls } = await operation.trace(operation.args);
  for (const one of calls.slice(0, call - 1)) disk.apply(one);
  disk.restore('nothing');
}

const argsOf = async ({ again }: Operation): Promise<string[]> => (typeof again === 'function' ? again() : again);
