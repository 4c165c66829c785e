import { safeText } from '../../ui/text/safe.ts';
import type { Paint, Style } from '../../ui/text/style.ts';
import { wrap } from '../../ui/text/wrap.ts';
import type { Problem } from '../problem.ts';

const RANK = { critical: 0, warning: 1, info: 2 } as const;

/** Problems as lines, the worst first: a mark, the severity as a word, and what it is. */
export function problemLines(problems: readonly Problem[], style: Style, indent = 0): string[] {
  return problems
    .toSorted((a, b) => RANK[a.severity] - RANK[b.severity])
    .flatMap(({ severity, message }) => {
      const { mark, word, paint } = look(severity, style);
      const lead = `${mark} ${word}: `;
      const lines = wrap(safeText(message, style), style.width - indent - lead.length);
      return lines.map((line, i) => ' '.repeat(indent) + paint((i === 0 ? lead : ' '.repeat(lead.length)) + line));
    });
}

function look(severity: Problem['severity'], style: Style): { mark: string; word: string; paint: Paint } {
  switch (severity) {
    case 'critical':
      return { mark: style.unicode ? '✗' : 'x', word: 'problem', paint: style.bad };
    case 'warning':
      return { mark: '!', word: 'warning', paint: style.warn };
    case 'info':
      return { mark: style.unicode ? '·' : '-', word: 'note', paint: style.dim };
  }
}
