import { paragraph } from '../../ui/text/lines.ts';
import { safeText } from '../../ui/text/safe.ts';
import type { Style } from '../../ui/text/style.ts';
import { renderRollover } from '../render.ts';
import type { RolloverBoard } from '../running/board.ts';
import { renderBoard } from './board.ts';

/** What a `rollover` command says: what it has done, then the board, or where there is no rollover that there is none. */
export function renderRolloverBoard(document: RolloverBoard, style: Style, now: Date): string {
  const { phase, steps = [], dryRun, excluded, next } = document;
  if (phase === 'stable' || phase === 'done') return renderRollover({ ...document, services: [] }, style, now);
  const mark = dryRun ? 'would' : style.unicode ? '✔' : 'done:';
  const done = steps.flatMap(({ what }) => paragraph(`${mark} ${what}`, style, 0, dryRun ? undefined : style.good));
  const { excluded: _, ...rest } = document;
  const left = excluded.length === 0 ? {} : { excluded: excluded.map(({ node }) => node) };
  return [
    ...(done.length === 0 ? [] : [...done, '']),
    renderBoard({ ...rest, ...left, next: document.nextStep }, style, now.getTime()),
    `      ${style.accent(safeText(next, style))}`,
  ].join('\n');
}
