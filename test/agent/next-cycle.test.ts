import { expect, test } from '@jest/globals';
import { LOOK, nextCycle } from '../../src/agent/next-cycle.ts';

// A cycle that began at 1,000 and ended at 9,000.
const next = (dues: number[], retries: number[] = []): number => nextCycle({ began: 1_000, now: 9_000, dues, retries });

test('nothing is to be done: a look in a minute', () => {
  expect(next([])).toBe(9_000 + LOOK);
  expect(next([9_000 + 2 * LOOK])).toBe(9_000 + LOOK);
});

test('what comes due is renewed then', () => {
  expect(next([30_000, 20_000])).toBe(20_000);
});

test('what has come due while the cycle was at work is renewed at once, and not with the next look', () => {
  expect(next([5_000])).toBe(5_000);
});

test('what was due before was tried in this cycle: it is tried again when it may be', () => {
  expect(next([500, 0])).toBe(9_000 + LOOK);
  expect(next([500], [12_000])).toBe(12_000);
});
