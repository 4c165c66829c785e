import { shortDuration } from './duration.ts';
import { safeText } from './safe.ts';
import type { Style } from './style.ts';
import { textWidth, truncate } from './width.ts';

/** How far long work has come. */
export interface Progress {
  done: number;
  total: number;
  /** What is being done: `issuing`. */
  label: string;
  /** Milliseconds since it began, in which `sinceStart` of `done` were done. */
  elapsed: number;
  sinceStart: number;
}

const WIDEST_BAR = 30;
const NARROWEST_BAR = 6;

/**
 * One line: `issuing  ━━━━━━────  4,312 of 20,000  21 %  2,310/s  7s left`. Never wider than the style's width less
 * one column, so that no terminal wraps it; what does not fit is left out, the bar first.
 */
export function progressLine(progress: Progress, style: Style): string {
  const { done, total, label, elapsed, sinceStart } = progress;
  const room = style.width - 1;
  const share = total <= 0 ? 1 : Math.min(1, Math.max(0, done / total));
  const rate = elapsed <= 0 ? 0 : (sinceStart * 1000) / elapsed;
  const seconds = Math.ceil(Math.max(0, total - done) / rate);
  const left = rate > 0 ? `${shortDuration(seconds * 1000)} left` : undefined;
  const facts = [
    label,
    `${grouped(done)} of ${grouped(total)}`,
    `${Math.floor(share * 100)} %`,
    ...(rate > 0 ? [`${rate < 10 ? rate.toFixed(1) : grouped(Math.round(rate))}/s`] : []),
    ...(left === undefined ? [] : [left]),
  ];
  const text = facts.join('  ');
  const bar = Math.min(WIDEST_BAR, room - textWidth(text) - 2);
  if (bar < NARROWEST_BAR) return truncate(text, room, style);
  return [label, progressBar(share, bar, style), ...facts.slice(1)].join('  ');
}

/** From here on a step is said to take long. Milliseconds. */
const LONG = 3_000;

/** `redis-1/data: reloading redis 10.0.0.1:6379  12s`. Never wider than the style's width less one column. */
export function stepLine(text: string, elapsed: number, style: Style): string {
  const time = elapsed < LONG ? '' : `  ${shortDuration(elapsed)}`;
  return `${truncate(safeText(text), style.width - 1 - time.length, style)}${time}`;
}

function progressBar(share: number, columns: number, style: Style): string {
  const full = Math.floor(share * columns);
  const [past, rest] = style.unicode ? ['━', '─'] : ['=', '-'];
  return style.good(past.repeat(full)) + style.dim(rest.repeat(columns - full));
}

/** 20000 as `20,000`. */
function grouped(n: number): string {
  return String(Math.floor(n)).replace(/\B(?=(\d{3})+$)/g, ',');
}
