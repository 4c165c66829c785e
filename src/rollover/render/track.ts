import type { Style } from '../../ui/text/style.ts';
import type { Phase } from '../phase.ts';

/** The way on, and the way back from its middle. */
export const WAY_ON: readonly Phase[] = ['stable', 'prepared', 'distribute', 'issue-new', 'retire', 'done'];
export const WAY_BACK: readonly Phase[] = ['issue-new', 'rollback', 'stable'];

/** The phases in a line: what is behind, where it stands, what is to come. In words too: the phase stands in brackets. */
export function track(phase: Phase, style: Style): string {
  const way = phase === 'rollback' ? WAY_BACK : WAY_ON;
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
