/** Text as roff reads it: what it would obey or replace is escaped. Pages are ASCII. */
export function escapeText(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('§', '\\(sc')
    .replaceAll('…', '...')
    .replaceAll('→', '\\(->')
    .replaceAll('×', '\\(mu')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha');
}

/** Text that is copied from the page: its hyphens and quotes stay what they are. */
export function escapeCode(text: string): string {
  return escapeText(text).replaceAll('-', '\\-').replaceAll("'", '\\(aq').replaceAll('`', '\\(ga');
}

export const bold = (text: string): string => `\\fB${escapeCode(text)}\\fR`;
export const italic = (text: string): string => `\\fI${escapeCode(text)}\\fR`;

/** `code` in bold, _argument_ in italics, the rest as it is. */
export function inline(markup: string): string {
  return markup
    .split(/(`[^`]+`|(?<!\w)_[A-Za-z][^_`]*_(?!\w))/)
    .map((part) => {
      if (part.startsWith('`')) return bold(part.slice(1, -1));
      return /^_.+_$/.test(part) ? italic(part.slice(1, -1)) : escapeText(part);
    })
    .join('');
}

const WIDEST = 78;

/** A paragraph's lines of at most 78 characters, none of which roff takes for a request. */
export function fill(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    if (line !== '' && line.length + 1 + word.length > WIDEST) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines.map(protect);
}

/** Lines that are shown as they are. */
export function literal(lines: readonly string[]): string[] {
  return ['.nf', ...lines.map((line) => protect(escapeCode(line))), '.fi'];
}

/** A term and what it means. */
export function tagged(term: string, text: string): string[] {
  return ['.TP', protect(term), ...fill(text)];
}

function protect(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}
