import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { statusOf } from '../../../src/keystore/certificates/row.ts';
import { errorObject } from '../../cli/checks.ts';
import type { RunResult } from '../../support/cli.ts';
import { expectBesideKeys, expectInvariant, type Truth } from './invariant.ts';
import type { Operation, Scene } from './operations.ts';

const validIn = ({ certificates }: Truth): string[] => {
  const now = new Date();
  return certificates.filter((one) => statusOf(one, now) === 'valid').map(({ serial }) => serial);
};

/** What the log holds after a fault; undefined when there is no keystore yet, which only a killed `init` leaves. */
export async function lookAt({ subject, ledger }: Scene): Promise<Truth | undefined> {
  if (!existsSync(join(subject.keystore, 'KEYSTORE'))) return undefined;
  return expectInvariant(subject, ledger);
}

/**
 * The invariant after a fault; then the next command, which must end well; then the invariant again, each certificate
 * beside its key, and what had been committed still there.
 */
export async function expectRecovery(operation: Operation, scene: Scene, result: RunResult): Promise<void> {
  const { ledger, subject } = scene;
  ledger.note(result);
  const before = await lookAt(scene);
  await scene.between?.();
  const next = await scene.run(scene.again);
  if (next.code === 6) errorObject(next, 'ERR_EXISTS');
  expect([next.stderr, scene.codes.includes(next.code ?? -1)]).toEqual([next.code === 6 ? next.stderr : '', true]);
  ledger.note(next);
  const after = await expectInvariant(subject, ledger);
  await expectBesideKeys(subject, after);
  if (before === undefined || !operation.keeps) return;
  const valid = new Set(validIn(after));
  expect(validIn(before).filter((serial) => !valid.has(serial))).toEqual([]);
}
