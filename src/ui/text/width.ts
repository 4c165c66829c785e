import measure from 'fast-string-truncated-width';
import type { Style } from './style.ts';

/** Columns that the text takes in a terminal; colours take none, wide characters two. */
export function textWidth(text: string): number {
  return measure(text).width;
}

/** Cuts uncoloured text to a number of columns, with an ellipsis where something is missing. */
export function truncate(text: string, width: number, style: Pick<Style, 'unicode'>): string {
  if (textWidth(text) <= width) return text;
  const ellipsis = style.unicode ? '…' : width < 4 ? '.' : '...';
  return width <= 0 ? '' : take(text, width - ellipsis.length) + ellipsis;
}

/** Fills up with spaces to a number of columns; longer text stays as it is. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)));
  return align === 'left' ? text + space : space + text;
}

/** The longest start of the text, in whole graphemes, that fits the columns. */
export function take(text: string, width: number): string {
  let out = '';
  let used = 0;
  for (const grapheme of graphemes(text)) {
    used += textWidth(grapheme);
    if (used > width) break;
    out += grapheme;
  }
  return out;
}

/** What a reader sees as one character, one by one. */
export function* graphemes(text: string): Generator<string> {
  if (/^[\x20-\x7e]*$/.test(text)) yield* text;
  else for (const { segment } of new Intl.Segmenter('en').segment(text)) yield segment;
}
