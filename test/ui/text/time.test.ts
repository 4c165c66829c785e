import { describe, expect, test } from '@jest/globals';
import { barLegend, lifetimeBar, percentElapsed } from '../../../src/ui/text/bar.ts';
import { exactDuration, humanDuration, relativeTime, shortDuration } from '../../../src/ui/text/duration.ts';
import { plainStyle, type Style } from '../../../src/ui/text/style.ts';
import { textWidth } from '../../../src/ui/text/width.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

describe('durations', () => {
  test.each([
    [0, '0 seconds', '0s', '0s'],
    [1 * SECOND, '1 second', '1s', '1s'],
    [119 * SECOND, '119 seconds', '1m', '1m 59s'],
    [90 * 60 * SECOND, '90 minutes', '1h', '1h 30m'],
    [36 * HOUR, '36 hours', '1d', '1d 12h'],
    [90 * DAY - SECOND, '90 days', '89d', '89d 23h 59m 59s'],
    [90 * DAY, '90 days', '90d', '90d'],
    [122 * DAY, '4 months', '122d', '122d'],
    [89.4 * DAY, '89 days', '89d', '89d 9h 36m'],
    [2 * 365 * DAY, '2 years', '730d', '730d'],
    [2.54 * 365 * DAY, '2.5 years', '927d', '927d 2h 24m'],
    [1825 * DAY - HOUR, '5 years', '1824d', '1824d 23h'],
    [3650 * DAY - SECOND, '10 years', '3649d', '3649d 23h 59m 59s'],
    [3650 * DAY, '10 years', '3650d', '3650d'],
    [3850 * DAY, '11 years', '3850d', '3850d'],
  ])('%d ms', (ms, human, short, exact) => {
    expect(humanDuration(ms)).toBe(human);
    expect(shortDuration(ms)).toBe(short);
    expect(exactDuration(ms)).toBe(exact);
  });

  test('what is past', () => {
    expect(shortDuration(-3 * DAY)).toBe('-3d');
    expect(exactDuration(-90 * SECOND)).toBe('-1m 30s');
    expect(shortDuration(-1)).toBe('0s');
  });

  test('relative to now', () => {
    expect(relativeTime(122 * DAY, 0)).toBe('in 4 months');
    expect(relativeTime(0, 5 * HOUR)).toBe('5 hours ago');
    expect(relativeTime(500, 0)).toBe('now');
  });
});

describe('a lifetime as a bar', () => {
  const life = { notBefore: 0, notAfter: 100, now: 50 };
  const unicode: Style = { ...plainStyle, unicode: true };

  test('with now, due and alert', () => {
    expect(lifetimeBar({ ...life, now: 25, due: 50, warn: 75 }, unicode, 22)).toBe('├━━━━━●────◇────△────┤');
    expect(lifetimeBar({ ...life, now: 25, due: 50, warn: 75 }, plainStyle, 22)).toBe('[=====#----d----!----]');
    expect(barLegend({ due: 1, warn: 2 }, unicode)).toBe('● now  ◇ due  △ alert');
    expect(barLegend({}, plainStyle)).toBe('# now');
  });

  test('at both ends, before the start and behind the end', () => {
    expect(lifetimeBar({ ...life, now: 0 }, plainStyle, 12)).toBe('[#---------]');
    expect(lifetimeBar({ ...life, now: 100 }, plainStyle, 12)).toBe('[=========#]');
    expect(lifetimeBar({ ...life, now: -1 }, plainStyle, 12)).toBe('#[---------]');
    expect(lifetimeBar({ ...life, now: 101 }, plainStyle, 12)).toBe('[=========]#');
  });

  test('always as wide as asked, even for a lifetime of nothing', () => {
    for (const now of [-10, 0, 33, 100, 1e15])
      for (const columns of [10, 24, 60]) {
        expect(textWidth(lifetimeBar({ ...life, now, due: 66 }, unicode, columns))).toBe(columns);
        expect(textWidth(lifetimeBar({ notBefore: 5, notAfter: 5, now }, unicode, columns))).toBe(columns);
      }
  });

  test('colours by meaning', () => {
    const style: Style = { ...plainStyle, good: () => 'G', warn: () => 'W', bad: () => 'B', accent: () => 'A' };
    const bar = (now: number): string => lifetimeBar({ ...life, now, due: 30, warn: 60 }, style, 12);
    expect([bar(10), bar(40), bar(70), bar(101), bar(-1)].map((text) => /[GWBA]/.exec(text)?.[0])).toEqual([
      'G',
      'A',
      'W',
      'B',
      'B',
    ]);
  });

  test('the share that has passed', () => {
    expect([-1, 0, 50, 99, 100, 200].map((now) => percentElapsed({ ...life, now }))).toEqual([0, 0, 50, 99, 100, 100]);
  });
});
