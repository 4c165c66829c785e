import { expect, test } from '@jest/globals';
import type { ServiceObject } from '../../src/deployment/document.ts';
import { type ErrorObject, errorObject, words } from '../cli/checks.ts';
import type { IssueDocument } from '../cli/documents.ts';
import type { RunResult } from '../support/cli.ts';
import type { Operation } from './support/bench.ts';
import { expectRecovery, Findings, lookAt } from './support/campaign.ts';
import type { Ledger, Truth } from './support/invariant.ts';
import { allOperations, type Made } from './support/operations.ts';
import { type At, describeFaults, type Fault, LONG, sampled, textOf } from './support/preload.ts';
import { expectSameAnswer } from './support/same-answer.ts';

// The storage answers with an error at the k-th call, or writes less than it was given. Exit 14: nothing was done, or
// details.committed says what was. Exit 75: nobody knows. Exit 0: it was done. Exit 3: some were handed out. Exit 6: the
// storage of a service failed, which blocks a rollover. The same command finishes either way.
// `npm run fault:errors` tries every call with every fault.
const LIMIT = LONG ? 14_400_000 : 240_000;
/** How many calls CI tries of each, one fault at each of them. */
const CALLS = 6;
/** One run in so many is done in a process of its own as well, and must give the same answer. */
const COMPARED = LONG ? 40 : 12;
/** After one in so many faults that nobody notices the next command is run. */
const UNNOTICED = LONG ? 8 : 1;
const EVERY: Omit<At, 'call'>[] = [
  { fault: 'EIO' },
  { fault: 'ENOSPC', stays: true },
  { fault: 'short' },
  { fault: 'EINTR' },
  { fault: 'ENOSPC' },
  { fault: 'EDQUOT' },
];
/** What a fault is called; FAULT_KINDS=EIO,short tries those alone. */
const nameOf = ({ fault, stays }: Omit<At, 'call'>): string => (stays ? `${fault} from then on` : fault);
const KINDS = process.env.FAULT_KINDS?.split(',');
const FAULTS = EVERY.filter((one) => KINDS?.includes(nameOf(one)) ?? true);
const operations = await allOperations();
const tried = operations.filter(([name]) => LONG || !/^(passphrase|rollover (?!.*issue-new))/.test(name));

async function callsOf(operation: Operation): Promise<string[]> {
  operation.begin();
  return (await operation.trace(operation.args)).calls.map(textOf);
}

/** What of a rollover's document is about its services. */
interface DeployDocument {
  deployed: ServiceObject[];
}

/** How many certificates there are; a probe is the run's own, and goes with it. */
const handedOut = (truth: Truth | undefined): number =>
  truth?.certificates.filter(({ kind }) => kind !== 'probe').length ?? 0;

/**
 * A failure names itself by the right code, and hands out nothing.
 * @param look what there is now
 */
async function expectHonest(
  result: RunResult,
  ledger: Ledger,
  before: number,
  look: () => Promise<Truth | undefined>,
): Promise<void> {
  if (result.code === 3) {
    // Some were handed out. Of what was not it says why, and what of it was committed.
    const certificates = (await look())?.certificates ?? [];
    const unnamed = certificates.filter(({ serial }) => !ledger.issued.has(serial));
    const { failed, deployed = [] } = result.json() as Partial<IssueDocument & DeployDocument>;
    // A step of a rollover is not over where it could not deploy.
    const undone = deployed.filter(({ state }) => state === 'failed');
    expect((failed ?? undone).length).toBeGreaterThan(0);
    for (const { error } of undone) expect(error?.code).toBe('ERR_STORAGE');
    for (const { node, plane, error } of failed ?? []) {
      const { code, details } = error as ErrorObject;
      expect(code).toBe('ERR_STORAGE');
      const made = unnamed.filter((one) => one.name === node && one.plane === plane).map(({ serial }) => serial);
      expect([node, plane, details?.committed ?? []]).toEqual([node, plane, made]);
    }
    return;
  }
  if (result.code === 6) {
    // The storage of a service, not the keystore's: it blocks the rollover, and is named with what failed.
    const { details } = errorObject(result, 'ERR_STATE');
    const reasons = ((details?.blockers ?? []) as { reason: string }[]).map(({ reason }) => reason);
    expect(reasons).toContainEqual(expect.stringContaining('deploying it failed: '));
    expect(result.stdout).toBe('');
    return;
  }
  const error = errorObject(result, result.code === 75 ? 'ERR_OUTCOME_UNKNOWN' : 'ERR_STORAGE');
  expect(result.stdout).toBe('');
  if (result.code === 75) expect(words(error)).toMatch(/run the same command again/);
  if (result.code === 14 && error.details?.committed === undefined)
    expect([result.stderr, handedOut(await look())]).toEqual([result.stderr, before]);
}

/** A call that was interrupted, a write that was short: nobody notices. */
const isHarmless = (fault: Fault): boolean => fault === 'EINTR' || fault === 'short';

/** Which faults befall which calls: in the long form each, wherever it can; else each in its turn. */
function faultsAt(calls: readonly string[], name: string): At[] {
  const can = ({ call, fault }: At): boolean => fault !== 'short' || /^p?writev? /.test(calls[call - 1] ?? '');
  if (LONG) return FAULTS.flatMap((fault) => calls.map((_, i) => ({ ...fault, call: i + 1 }))).filter(can);
  return sampled(calls, CALLS).map((call, i) => {
    const fault = { ...(FAULTS[(name.length + i) % FAULTS.length] as Omit<At, 'call'>), call };
    // A short write wants a write: the next one.
    while (!can(fault) && fault.call < calls.length) fault.call++;
    return fault;
  });
}

/** What came of an operation's faults. */
class Figures {
  runs = 0;
  failed = 0;
  unnoticed = 0;
  same = 0;
}

async function tryAll(operation: Operation, faults: readonly At[]): Promise<Figures> {
  const figures = new Figures();
  const findings = new Findings();
  const start = await lookAt(operation, operation.begin());
  let same = 0;
  for (const at of faults) {
    const what = `${nameOf(at)} at call ${at.call}`;
    await findings.at(what, async () => {
      const ledger = operation.begin();
      const result = await operation.faulty(operation.args, at);
      figures.runs++;
      if (isHarmless(at.fault)) expect([result.code, result.stderr]).toEqual([0, '']);
      // Before anything was written there is nothing to look at, nor to recover from: that is done once.
      const untouched = result.code !== 0 && operation.unchanged() && ++same > 1;
      let looked: Truth | undefined;
      const look = async (): Promise<Truth | undefined> => {
        if (!untouched) looked ??= await lookAt(operation, ledger);
        return looked ?? start;
      };
      if (result.code !== 0) {
        figures.failed++;
        await expectHonest(result, ledger, handedOut(start), look);
      } else if (isHarmless(at.fault) && figures.unnoticed++ % UNNOTICED !== 0) {
        // It has done what it does when nothing befalls it.
        ledger.note(result);
        await look();
        return;
      }
      if (!untouched) await expectRecovery(operation, ledger, result, looked);
    });
    if (figures.runs % COMPARED === 1)
      await findings.at(what, async () => {
        if (await expectSameAnswer(operation, at)) figures.same++;
      });
  }
  findings.expectNone();
  return figures;
}

describeFaults('an error of the storage', () => {
  let same = 0;
  test.each(tried)(
    '%s',
    async (name, make) => {
      const operation = await make();
      const calls = await callsOf(operation);
      const figures = await tryAll(operation, faultsAt(calls, name));
      same += figures.same;
      if (LONG)
        process.stderr.write(
          `${name}: ${calls.length} storage calls, ${figures.runs} faults: ${figures.failed} runs failed, ${figures.unnoticed} interrupted or short ones unnoticed; ${figures.same} times the same in a process of its own\n`,
        );
      expect(figures.runs).toBeGreaterThan(1);
    },
    LIMIT,
  );

  test('in a process of its own the answer is the same', () => {
    expect(same).toBeGreaterThan(0);
  });
});

// What the long form has found.
describeFaults('an error', () => {
  test.each([
    ['while init notes where its root domain goes', /^fsync .*\/tmp\/root-place$/, false],
    ['behind the name of a root domain elsewhere', /^rename .*\/medium\/root$/, false],
    ['which stays, before the name of the keystore whose root domain is in its place', /^rename .*\/keystore$/, true],
  ])('%s: 14, and the next run makes both', async (_, which, stays) => {
    const operation = await (new Map(operations).get('init with a root domain elsewhere') as Made)();
    const calls = await callsOf(operation);
    const hit = calls.findIndex((call) => which.test(call)) + (which.source.includes('medium') ? 2 : 1);
    const ledger = operation.begin();
    const result = await operation.faulty(operation.args, { call: hit, fault: 'ENOSPC', stays });
    errorObject(result, 'ERR_STORAGE');
    await expectRecovery(operation, ledger, result);
  });

  test('where a backup is restored on trial, at the start of a rollover: 14', async () => {
    const operation = await (new Map(operations).get('rollover start') as Made)();
    const calls = await callsOf(operation);
    const made = calls.flatMap((call, i) =>
      /^mkdir .*\/cluster-ca-trial-[^/]+\/(keystore|root)$/.test(call) ? [i + 1] : [],
    );
    expect(made).toHaveLength(2);
    for (const call of made) {
      operation.begin();
      errorObject(await operation.faulty(operation.args, { call, fault: 'EIO' }), 'ERR_STORAGE');
    }
  });

  test('where a rollover removes keys that are deployed: done, and the next run removes them', async () => {
    const operation = await (new Map(operations).get('rollover advance to issue-new') as Made)();
    const calls = await callsOf(operation);
    const call = calls.findLastIndex((one) => /^unlink .*\/deploying\/.*\/(ca|key|cert)\.pem$/.test(one)) + 1;
    const ledger = operation.begin();
    const result = await operation.faulty(operation.args, { call, fault: 'EIO' });
    expect(result.code).toBe(0);
    await expectRecovery(operation, ledger, result);
  });

  test('where a rollover issues: 14, and not that a node has no certificate', async () => {
    const operation = await (new Map(operations).get('rollover advance to issue-new') as Made)();
    const calls = await callsOf(operation);
    const call = calls.findIndex((one) => /^open\S* .*\/deploying\/.*\.key\.pem$/.test(one)) + 1;
    const ledger = operation.begin();
    const result = await operation.faulty(operation.args, { call, fault: 'EIO' });
    errorObject(result, 'ERR_STORAGE');
    await expectRecovery(operation, ledger, result);
  });

  test('by a quota is named so, and does not keep anybody from a revocation', async () => {
    const operation = await (new Map(operations).get('revoke') as Made)();
    const calls = await callsOf(operation);
    const at = (which: RegExp): At => ({ call: calls.findIndex((call) => which.test(call)) + 1, fault: 'EDQUOT' });
    const ledger = operation.begin();
    const full = await operation.faulty(operation.args, { ...at(/^link .*\/log\//), stays: true });
    const error = errorObject(full, 'ERR_STORAGE');
    expect([error.message, error.details?.errno]).toEqual([expect.stringContaining('quota'), 'EDQUOT']);
    operation.begin();
    const result = await operation.faulty(operation.args, at(/^open\S* .*\/lock$/));
    expect([result.code, result.stderr]).toEqual([0, '']);
    await expectRecovery(operation, ledger, result);
  });
});

describeFaults('an error behind the commit', () => {
  test('rollover advance says what was issued, and goes on from there', async () => {
    const operation = await (new Map(operations).get('rollover advance to issue-new') as Made)();
    const calls = await callsOf(operation);
    const staged = calls.findLastIndex((call) => /^rename .*\/deploying\/.*\/cert\.pem$/.test(call));
    const record = calls.findIndex((call, i) => i > staged && /^link .*\/log\/\d+\/\d+$/.test(call));
    const written = calls.slice(0, record).findLastIndex((call) => /^write .*\/keystore\/tmp\//.test(call));
    const ledger = operation.begin();
    const result = await operation.faulty(operation.args, { call: written + 1, fault: 'EIO' });
    const committed = (errorObject(result, 'ERR_STORAGE').details?.committed ?? []) as string[];
    expect(committed).toHaveLength(2);
    for (const serial of committed) ledger.issued.add(serial);
    await expectRecovery(operation, ledger, result);
  });
});
