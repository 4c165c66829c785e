const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTH = (365 / 12) * DAY;
const YEAR = 365 * DAY;

/** Each unit is used from `from` on, so that a small number of a large unit never hides much. */
const HUMAN: { unit: number; name: string; from: number }[] = [
  { unit: YEAR, name: 'year', from: 2 * YEAR },
  { unit: MONTH, name: 'month', from: 100 * DAY },
  { unit: DAY, name: 'day', from: 2 * DAY },
  { unit: HOUR, name: 'hour', from: 2 * HOUR },
  { unit: MINUTE, name: 'minute', from: 2 * MINUTE },
  { unit: SECOND, name: 'second', from: 0 },
];

const EXACT: [unit: number, suffix: string][] = [
  [DAY, 'd'],
  [HOUR, 'h'],
  [MINUTE, 'm'],
  [SECOND, 's'],
];

/**
 * For reading: `89 days`, `4 months`, `2.5 years`, `10 years`, rounded to the nearest: what was made for ten years a
 * moment ago does not last nine. Few years are told to a tenth. The sign is dropped.
 */
export function humanDuration(milliseconds: number): string {
  const size = wholeSeconds(milliseconds);
  const step = HUMAN.find(({ from }) => size >= from) as (typeof HUMAN)[number];
  const exact = size / step.unit;
  const count = step.unit === YEAR && exact < 10 ? Math.round(exact * 10) / 10 : Math.round(exact);
  return `${count} ${step.name}${count === 1 ? '' : 's'}`;
}

/** When something is, seen from now: `in 89 days`, `3 hours ago`, `now`. */
export function relativeTime(then: number, now: number): string {
  const distance = then - now;
  if (wholeSeconds(distance) === 0) return 'now';
  return distance > 0 ? `in ${humanDuration(distance)}` : `${humanDuration(distance)} ago`;
}

/** For a narrow column: `89d`, `7h`, `12m`, `5s`, rounded down to one unit; `-3d` for what is past. */
export function shortDuration(milliseconds: number): string {
  const size = wholeSeconds(milliseconds);
  const [unit, suffix] = EXACT.find(([u]) => size >= u) ?? [SECOND, 's'];
  return `${milliseconds < 0 && size > 0 ? '-' : ''}${Math.floor(size / unit)}${suffix}`;
}

/** To the second, in the units that options take: `90d`, `89d 23h 59m 59s`, `0s`. */
export function exactDuration(milliseconds: number): string {
  let left = wholeSeconds(milliseconds);
  const parts: string[] = [];
  for (const [unit, suffix] of EXACT) {
    const count = Math.floor(left / unit);
    left -= count * unit;
    if (count > 0) parts.push(`${count}${suffix}`);
  }
  const sign = milliseconds < 0 && parts.length > 0 ? '-' : '';
  return sign + (parts.join(' ') || '0s');
}

function wholeSeconds(milliseconds: number): number {
  return Math.floor(Math.abs(milliseconds) / SECOND) * SECOND;
}
