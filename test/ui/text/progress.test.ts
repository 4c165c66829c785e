import { expect, test } from '@jest/globals';
import { progressLine, stepLine } from '../../../src/ui/text/progress.ts';
import { plainStyle } from '../../../src/ui/text/style.ts';
import { textWidth } from '../../../src/ui/text/width.ts';

const half = { done: 10_000, total: 20_000, label: 'issuing', elapsed: 4000, sinceStart: 10_000 };

test('a bar, what is done, the rate and the time left', () => {
  const line = progressLine(half, plainStyle);
  expect(line).toMatch(/^issuing {2}=+-+ {2}10,000 of 20,000 {2}50 % {2}2,500\/s {2}4s left$/);
  expect(line.match(/=/g)?.length).toBe(line.match(/-/g)?.length);
});

test.each([40, 41, 50, 60, 79, 80, 200])('never as wide as a terminal of %d columns', (width) => {
  for (const done of [0, 1, 9999, 20_000])
    expect(textWidth(progressLine({ ...half, done }, { ...plainStyle, width, unicode: true }))).toBeLessThan(width);
});

test('what was done before the start does not count for the rate', () => {
  expect(progressLine({ ...half, sinceStart: 1000 }, plainStyle)).toContain('250/s  40s left');
});

test.each([
  ['nothing done yet', { ...half, done: 0, sinceStart: 0 }, /0 of 20,000 {2}0 %$/],
  ['everything done', { ...half, done: 20_000 }, /100 % .* 0s left$/],
  ['nothing to do', { ...half, done: 0, total: 0, sinceStart: 0 }, /100 %$/],
  ['more than was to be done', { ...half, done: 30_000 }, /100 %/],
  ['slow', { ...half, sinceStart: 10 }, / 2\.5\/s /],
])('%s', (_, progress, expected) => {
  expect(progressLine(progress, plainStyle)).toMatch(expected);
});

test('a step, with the seconds that it takes once they are many; never as wide as the terminal', () => {
  expect(stepLine('redis-1/data: looking', 2_900, plainStyle)).toBe('redis-1/data: looking');
  expect(stepLine('redis-1/data: looking', 75_000, plainStyle)).toBe('redis-1/data: looking  1m');
  expect(stepLine('a\u001b[31mb', 0, plainStyle)).not.toContain('\u001b');
  for (const width of [20, 40, 80])
    expect(textWidth(stepLine('x'.repeat(200), 75_000, { ...plainStyle, width }))).toBe(width - 1);
});
