import { expect } from '@jest/globals';
import type { RunResult } from '../../support/cli.ts';
import type { Operation } from './bench.ts';
import { type At, callsIn, faulty, newLog, textOf } from './preload.ts';

/**
 * A run in the warm process answers as one in a process of its own does, when the same call was hit.
 * @returns whether it was: a lock that is held for long is touched in between, and what runs at once comes in any order
 */
export async function expectSameAnswer(operation: Operation, at: At): Promise<boolean> {
  const told = async (run: (at: At) => Promise<RunResult>): Promise<{ hit: string; answer: unknown }> => {
    operation.begin();
    const log = await newLog();
    const { code, stdout, stderr } = await run({ ...at, log });
    const hit = (await callsIn(log))[at.call - 1];
    const answer = { code, stdout: withoutChance(stdout), stderr: withoutChance(stderr) };
    return { hit: hit === undefined ? 'none' : withoutChance(textOf(hit)), answer };
  };
  const here = await told((one) => operation.faulty(operation.args, one));
  const own = await told((one) => faulty(operation.target, one, operation.args));
  if (here.hit !== own.hit) return false;
  expect(here.answer).toEqual(own.answer);
  return true;
}

/** A text without what differs from run to run: keys, signatures, serials, times, names that are made up. */
const withoutChance = (text: string): string =>
  text
    .replace(/[A-Za-z0-9+/=]{40,}/g, 'base64')
    .replace(/[0-9a-f]{8,}/g, 'hex')
    .replace(/\d+/g, 'n')
    .replace(/(trial-n)-\w{6}/g, '$1');
