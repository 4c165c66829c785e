import { graphemes, textWidth } from './width.ts';

/**
 * Breaks uncoloured text into lines of at most `width` columns: at spaces, and behind commas, where it can, inside a
 * word where it must. An empty text is one empty line. Linear in the text.
 */
export function wrap(text: string, width: number): string[] {
  const room = Math.max(1, width);
  const lines: string[] = [];
  let line = '';
  for (const piece of text.match(/[^ ,]*(?:,+ *| +|$)/g) ?? []) {
    if (textWidth((line + piece).trimEnd()) <= room) {
      line += piece;
      continue;
    }
    if (line !== '') lines.push(line.trimEnd());
    const parts = breakWord(piece.trimEnd(), room);
    line = (parts.pop() ?? '') + piece.slice(piece.trimEnd().length);
    lines.push(...parts);
  }
  if (line.trimEnd() !== '' || lines.length === 0) lines.push(line.trimEnd());
  return lines;
}

/** Cuts a word into parts that fit; a single character that is wider than the room stands alone. */
function breakWord(word: string, room: number): string[] {
  const parts: string[] = [];
  let part = '';
  let used = 0;
  for (const grapheme of graphemes(word)) {
    const columns = textWidth(grapheme);
    if (part !== '' && used + columns > room) {
      parts.push(part);
      part = '';
      used = 0;
    }
    part += grapheme;
    used += columns;
  }
  if (part !== '') parts.push(part);
  return parts;
}
