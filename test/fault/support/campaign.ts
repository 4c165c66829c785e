import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { type IssuedCertificate, statusOf } from '../../../src/keystore/certificates/row.ts';
import { signingIssuer } from '../../../src/keystore/hierarchy.ts';
import { errorObject } from '../../cli/checks.ts';
import type { RunResult } from '../../support/cli.ts';
import type { Operation } from './bench.ts';
import { expectBesideKeys, expectInvariant, type Ledger, type Truth } from './invariant.ts';

/** What the log holds after a fault; undefined when there is no keystore yet, which only a killed `init` leaves. */
export async function lookAt(operation: Operation, ledger: Ledger): Promise<Truth | undefined> {
  if (!existsSync(join(operation.subject.keystore, 'KEYSTORE'))) return undefined;
  const truth = await expectInvariant(operation.subject, ledger);
  await operation.more?.(truth);
  return truth;
}

/**
 * The invariant after a fault; then the next command, which must end well; then the invariant again, each certificate
 * beside its key, and what had been committed still there.
 * @param ledger what was acknowledged before the run
 * @param result how the run came to its end
 * @param looked what {@link lookAt} has found since
 */
export async function expectRecovery(
  operation: Operation,
  ledger: Ledger,
  result: RunResult,
  looked?: Truth,
): Promise<void> {
  const { subject, again, already, more } = operation;
  ledger.note(result);
  const before = looked ?? (await lookAt(operation, ledger));
  const next = await operation.run(typeof again === 'function' ? await again() : again);
  const nothingLeft = already?.(before);
  if (next.code === 6 && nothingLeft !== undefined) errorObject(next, nothingLeft);
  else expect([next.stderr, next.code]).toEqual(['', 0]);
  ledger.note(next);
  const after = await expectInvariant(subject, ledger);
  await expectBesideKeys(subject, after);
  await more?.(after, before);
  if (before === undefined) return;
  const valid = new Set(validIn(after).map(({ serial }) => serial));
  expect(keptBy(operation, before, after).filter(({ serial }) => !valid.has(serial))).toEqual([]);
}

function validIn({ certificates }: Truth): IssuedCertificate[] {
  const now = new Date();
  return certificates.filter((one) => one.kind !== 'probe' && statusOf(one, now) === 'valid');
}

/** What the next command must have finished, and not made anew: all but what a revocation or another CA replaces. */
function keptBy({ keepsNothing }: Operation, before: Truth, after: Truth): IssuedCertificate[] {
  if (keepsNothing) return [];
  const issuer = signingIssuer(after.keystore.state)?.id;
  return validIn(before).filter(({ authority }) => authority === issuer);
}

/** What did not hold, of many faults: each is told when it is found, and all of them in the end. */
export class Findings {
  readonly #found: string[] = [];

  /** @param what names the fault */
  async at(what: string, look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      const found = `${what}: ${error instanceof Error ? error.message : String(error)}`;
      this.#found.push(found);
      process.stderr.write(`found: ${found}\n`);
    }
  }

  expectNone(): void {
    expect(this.#found).toEqual([]);
  }
}
