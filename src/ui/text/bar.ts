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
 * passed, with a mark for now, and for due and warn where they are given. Before the start and after the end the
 * mark for now stands outside.
 */
export function lifetimeBar(life: Lifetime, style: Style, columns: number): string {
  const glyphs = style.unicode ? UNICODE : ASCII;
  const early = life.now < life.notBefore;
  const late = life.now > life.notAfter;
  const inner = Math.max(10, columns) - (early || late ? 3 : 2);
  const span = Math.max(1, life.notAfter - life.notBefore);
  const at = (time: number): number =>
    Math.min(inner - 1, Math.max(0, Math.floor(((time - life.notBefore) / span) * inner)));
  const passed = early ? 0 : late ? inner : at(life.now);
  const cells = Array.from({ length: inner }, (_, i) => (i < passed ? glyphs.past : glyphs.left));
  if (life.due !== undefined) cells[at(life.due)] = glyphs.due;
  if (life.warn !== undefined) cells[at(life.warn)] = glyphs.warn;
  const paint = paintOf(life, style);
  if (early) return paint(glyphs.now) + style.dim(glyphs.start + cells.join('') + glyphs.end);
  if (late) return paint(glyphs.start + cells.join('') + glyphs.end + glyphs.now);
  cells[passed] = glyphs.now;
  const done = cells.slice(0, passed + 1).join('');
  return style.dim(glyphs.start) + paint(done) + style.dim(cells.slice(passed + 1).join('') + glyphs.end);
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
