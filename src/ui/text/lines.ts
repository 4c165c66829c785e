import { safeText } from './safe.ts';
import type { Paint, Style } from './style.ts';
import { pad, textWidth } from './width.ts';
import { wrap } from './wrap.ts';

/** One line of a block of labels and values. */
export interface Entry {
  label: string;
  /** Raw text, made safe here; a list is one value a line. Undefined: the entry is left out. */
  value: string | readonly string[] | undefined;
  /** Colours each line of the value. */
  paint?: Paint;
  /** Text that is ready to print, behind the label as it is, instead of a value. */
  ready?: string | readonly string[];
}

export interface LinesOptions {
  /** Columns to the left of the labels. */
  indent?: number;
  /** Columns of the labels, at least. Blocks that stand together look better with one width. */
  labelWidth?: number;
}

/** Labels in one column, values wrapped in the other; nothing is wider than the style's width. */
export function keyValues(entries: readonly Entry[], style: Style, options: LinesOptions = {}): string[] {
  const indent = ' '.repeat(options.indent ?? 0);
  const shown = entries.filter(({ value, ready }) => (ready ?? value) !== undefined);
  const labels = Math.max(options.labelWidth ?? 0, ...shown.map(({ label }) => textWidth(label)));
  const room = style.width - indent.length - labels - 2;
  return shown.flatMap((entry) => {
    const lines = entry.ready === undefined ? valueLines(entry, room, style) : [entry.ready].flat();
    return lines.map((line, i) => {
      const label = pad(i === 0 ? entry.label : '', labels);
      return `${indent}${i === 0 ? style.dim(label) : label}  ${line}`.trimEnd();
    });
  });
}

/** A paragraph of raw text, made safe and wrapped to the style's width. */
export function paragraph(text: string, style: Style, indent = 0, paint: Paint = (line) => line): string[] {
  return wrap(safeText(text, style), style.width - indent).map((line) => ' '.repeat(indent) + paint(line));
}

function valueLines({ value, paint = (line) => line }: Entry, room: number, style: Style): string[] {
  return [value ?? ''].flat().flatMap((text) => wrap(safeText(text, style), room).map((line) => paint(line)));
}
