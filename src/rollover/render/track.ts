import type { Style } from '../../ui/text/style.ts';
import type { Phase } from '../phase.ts';
import type { BoardDocument } from '../planning/board.ts';

const WAY_ON: readonly Phase[] = ['stable', 'prepared', 'distribute', 'issue-new', 'retire', 'done'];

/** The way on, or the way back from where it began. */
export function wayOf({ phase, backFrom }: Pick<BoardDocument, 'phase' | 'backFrom'>): readonly Phase[] {
  return phase === 'rollback' ? [backFrom ?? 'issue-new', 'rollback', 'stable'] : WAY_ON;
}

/** The phases in a line: what is behind, where it stands, what is to come. In words too: the phase stands in brackets. */
export function track(document: Pick<BoardDocument, 'phase' | 'backFrom'>, style: Style): string {
  const { phase } = document;
  const way = wayOf(document);
  const at = way.indexOf(phase);
  const [behind, ahead] = style.unicode ? [' ━ ', ' ─ '] : [' = ', ' - '];
  return way
    .map((name, i) => {
      const gap = i === 0 ? '' : style.dim(i <= at ? behind : ahead);
      if (i === at) return gap + style.bold(style.accent(`[${name}]`));
      return gap + (i < at ? style.good(name) : style.dim(name));
    })
    .join('');
}
