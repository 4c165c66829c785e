import { take, textWidth } from './width.ts';

/**
 * Breaks uncoloured text into lines of at most `width` columns: at spaces, and behind commas, where it can, inside a
 * word where it must. An empty text is one empty line.
 */
export function wrap(text: string, width: number): string[] {
  const room = Math.max(1, width);
  const lines: string[] = [];
  let line = '';
  for (const piece of text.match(/[^ ,]*(?:,+ *| +|$)/g) ?? []) {
    if (piece === '') continue;
    if (line !== '' && textWidth((line + piece).trimEnd()) > room) {
      lines.push(line.trimEnd());
      line = '';
    }
    line += piece;
    while (textWidth(line.trimEnd()) > room) {
      const start = take(line, room) || [...line][0] || '';
      lines.push(start.trimEnd());
      line = line.slice(start.length).trimStart();
    }
  }
  if (line.trimEnd() !== '' || lines.length === 0) lines.push(line.trimEnd());
  return lines;
}
