import type { Paint, Style } from './style.ts';

/** A lifetime; every instant in milliseconds since 1970. */
export interface Lifetime {
  notBefore: number;
  notAfter: number;
  now: number;
  /** From when on it is to be replaced. */
  due?: number | undefined;
  /** From when on its age is an alert. */
  warn?: number | undefined;
}

interface Glyphs {
  start: string;
  end: string;
  past: string;
  left: string;
  now: string;
  due: string;
  warn: string;
}

const UNICODE: Glyphs = { start: '├', end: '┤', past: '━', left: '─', now: '●', due: '◇', warn: '△' };
const ASCII: Glyphs = { start: '[', end: ']', past: '=', left: '-', now: '#', due: 'd', warn: '!' };

/**
 * A lifetime as a bar of exactly `columns` columns (at least 10): from notBefore to notAfter, thick where it has
 * passed, with a mark for now, and for due and warn where they are given. Now stands outside the bar before its
 * start and after its end.
 */
export function lifetimeBar(life: Lifetime, style: Style, columns: number): string {
  const glyphs = style.unicode ? UNICODE : ASCII;
  const inner = Math.max(10, columns) - 4;
  const span = Math.max(1, life.notAfter - life.notBefore);
  const at = (time: number): number =>
    Math.min(inner - 1, Math.max(0, Math.floor(((time - life.notBefore) / span) * inner)));
  const early = life.now < life.notBefore;
  const late = life.now > life.notAfter;
  const now = early ? 0 : late ? inner : at(life.now);
  const cells = Array.from({ length: inner }, (_, i) => (i < now ? glyphs.past : glyphs.left));
  if (life.due !== undefined) cells[at(life.due)] = glyphs.due;
  if (life.warn !== undefined) cells[at(life.warn)] = glyphs.warn;
  if (!early && !late) cells[now] = glyphs.now;
  const paint = paintOf(life, style);
  const dim = late ? paint : style.dim;
  const middle = late
    ? paint(cells.join(''))
    : paint(cells.slice(0, early ? 0 : now + 1).join('')) + style.dim(cells.slice(early ? 0 : now + 1).join(''));
  const before = early ? paint(glyphs.now) : ' ';
  const after = late ? paint(glyphs.now) : ' ';
  return `${before}${dim(glyphs.start)}${middle}${dim(glyphs.end)}${after}`;
}

/** What the marks of a bar mean, for the line below it. */
export function barLegend(life: Pick<Lifetime, 'due' | 'warn'>, style: Style): string {
  const glyphs = style.unicode ? UNICODE : ASCII;
  const parts = [`${glyphs.now} now`];
  if (life.due !== undefined) parts.push(`${glyphs.due} due`);
  if (life.warn !== undefined) parts.push(`${glyphs.warn} alert`);
  return parts.join('  ');
}

/** The share of the lifetime that has passed, in whole per cent, from 0 to 100. */
export function percentElapsed(life: Pick<Lifetime, 'notBefore' | 'notAfter' | 'now'>): number {
  const span = Math.max(1, life.notAfter - life.notBefore);
  return Math.min(100, Math.max(0, Math.floor(((life.now - life.notBefore) / span) * 100)));
}

function paintOf(life: Lifetime, style: Style): Paint {
  if (life.now < life.notBefore || life.now > life.notAfter) return style.bad;
  if (life.warn !== undefined && life.now >= life.warn) return style.warn;
  return life.due !== undefined && life.now >= life.due ? style.accent : style.good;
}
