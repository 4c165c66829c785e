import { safeText } from './safe.ts';
import type { Paint, Style } from './style.ts';
import { pad, textWidth, truncate } from './width.ts';

export interface Column<Row> {
  header: string;
  /** Raw text; the table makes it safe, measures it and cuts it. */
  cell: (row: Row) => string;
  /** Colours a cell that has been cut and filled up. */
  paint?: (text: string, row: Row) => string;
  align?: 'left' | 'right';
  /** The columns it keeps when room is short; default: its whole width, so that it is never cut. */
  min?: number;
  /** Where room is still short, columns are left out, the highest number first. Default 0: never left out. */
  priority?: number;
}

const GAP = 2;

/**
 * A table that fits the style's width: first the columns with a `min` are cut, the widest first, then columns with
 * a priority are left out. With no row there is only the header. The rows are walked through twice.
 */
export function table<Row>(rows: Iterable<Row>, columns: readonly Column<Row>[], style: Style): string[] {
  return [...tableLines(rows, columns, style)];
}

/** The same line by line: a hundred thousand rows need not be held, neither as cells nor as lines. */
export function* tableLines<Row>(
  rows: Iterable<Row>,
  columns: readonly Column<Row>[],
  style: Style,
): Generator<string> {
  const measured = measure(columns, rows, style);
  const shown = fitWidth(measured, style.width);
  const line = (cell: (m: Measured<Row>) => { text: string; paint: Paint }): string => {
    const cells = shown.map((m, i) => {
      const { text, paint } = cell(m);
      const cut = truncate(text, m.width, style);
      // Nothing is filled up at the end of a line: a coloured space there would survive the trimming.
      const filled = i === shown.length - 1 && m.column.align !== 'right' ? cut : pad(cut, m.width, m.column.align);
      return filled === '' ? '' : paint(filled);
    });
    return cells.join(' '.repeat(GAP)).trimEnd();
  };
  yield line(({ column }) => ({ text: column.header, paint: style.dim }));
  for (const row of rows)
    yield line(({ column }) => ({
      text: safeText(column.cell(row), style),
      paint: (text) => column.paint?.(text, row) ?? text,
    }));
}

interface Measured<Row> {
  column: Column<Row>;
  width: number;
}

function measure<Row>(columns: readonly Column<Row>[], rows: Iterable<Row>, style: Style): Measured<Row>[] {
  const measured = columns.map((column): Measured<Row> => ({ column, width: textWidth(column.header) }));
  for (const row of rows)
    for (const m of measured) m.width = Math.max(m.width, textWidth(safeText(m.column.cell(row), style)));
  return measured;
}

function fitWidth<Row>(measured: Measured<Row>[], width: number): Measured<Row>[] {
  let shown = measured;
  for (;;) {
    const over = shown.reduce((sum, m) => sum + m.width + GAP, -GAP) - width;
    if (over <= 0) return shown;
    const fitted = shrink(shown, over);
    if (fitted !== undefined) return fitted;
    const dropped = shown.reduce((a, b) => ((b.column.priority ?? 0) >= (a.column.priority ?? 0) ? b : a));
    if ((dropped.column.priority ?? 0) === 0) return shrink(shown, Number.POSITIVE_INFINITY, true) ?? shown;
    shown = shown.filter((m) => m !== dropped);
  }
}

/** Takes columns away, always from the widest that may give some; undefined when there is not enough to give. */
function shrink<Row>(shown: Measured<Row>[], over: number, anyway = false): Measured<Row>[] | undefined {
  const widths = shown.map((m) => m.width);
  const floors = shown.map((m) => Math.min(m.width, m.column.min ?? m.width));
  const give = widths.reduce((sum, w, i) => sum + w - (floors[i] as number), 0);
  if (give < over && !anyway) return undefined;
  for (let left = Math.min(over, give); left > 0; left--) {
    let widest = -1;
    widths.forEach((w, i) => {
      if (w > (floors[i] as number) && (widest < 0 || w > (widths[widest] as number))) widest = i;
    });
    widths[widest] = (widths[widest] as number) - 1;
  }
  return shown.map((m, i) => ({ ...m, width: widths[i] as number }));
}
