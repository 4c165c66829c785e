import { expect, test } from '@jest/globals';
import { checkClock, clockWarning, recordTime } from '../../src/keystore/clock.ts';
import type { Op } from '../../src/keystore/log/bodies.ts';
import type { LogState } from '../../src/keystore/log/state.ts';

const LAST = Date.parse('2026-06-15T12:00:00.000Z');
const STATE = { time: LAST, epoch: 3 } as LogState;
const MINUTE = 60_000;
const DAY = 86_400_000;
const at = (offset: number): Date => new Date(LAST + offset);
const iso = (offset: number): string => at(offset).toISOString();

test.each<[string, number, Op, boolean, string, number]>([
  ['ahead', MINUTE, 'issue', false, iso(MINUTE), 3],
  ['the same', 0, 'issue', false, iso(0), 3],
  ['5 minutes behind', -5 * MINUTE, 'issue', false, iso(0), 3],
  ['a year ahead', 365 * DAY, 'issue', false, iso(365 * DAY), 3],
  ['a year behind, revoke', -365 * DAY, 'revoke', false, iso(0), 3],
  ['a year behind, crl', -365 * DAY, 'crl', false, iso(0), 3],
  ['a year behind, accepted', -365 * DAY, 'issue', true, iso(-365 * DAY), 4],
  ['a minute behind, accepted all the same: no new epoch', -MINUTE, 'issue', true, iso(0), 3],
])('record time: %s', (_, offset, op, accept, time, epoch) => {
  expect(recordTime(STATE, at(offset), op, accept)).toEqual({ time, epoch });
});

test.each<Op>(['issue', 'reserve', 'slots', 'abandon', 'backup', 'init'])('%s is refused further behind', (op) => {
  const late = at(-5 * MINUTE - 1);
  expect(() => recordTime(STATE, late, op, false)).toThrow(expect.objectContaining({ code: 'ERR_CLOCK', exitCode: 6 }));
  expect(() => checkClock(STATE, late, false)).toThrow(expect.objectContaining({ code: 'ERR_CLOCK' }));
  checkClock(STATE, late, true);
  checkClock(STATE, at(-5 * MINUTE), false);
});

test('a clock more than 40 days ahead is a warning', () => {
  expect(clockWarning(STATE, at(40 * DAY))).toBeUndefined();
  expect(clockWarning(STATE, at(-DAY))).toBeUndefined();
  expect(clockWarning(STATE, at(40 * DAY + 1))).toMatch(/40 days/);
});
