import { relativeTime } from '../ui/text/duration.ts';
import { keyValues, paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { formatDuration } from '../values/duration.ts';
import type { RolloverDocument, RootObject } from './document.ts';
import type { Phase } from './phase.ts';

const LAYOUT = { indent: 2, labelWidth: 12 };

/** What each phase is, in words. */
const WORDS: Record<Phase, string> = {
  stable: 'no rollover is in progress',
  prepared: 'the new CA is made; nobody has heard of it',
  distribute: 'every service is given both anchors; the old CA issues',
  'issue-new': 'both are trusted; the new CA issues',
  retire: 'the new anchor alone is trusted',
  rollback: 'both are trusted; the old CA issues again',
  done: 'the old CA is gone, its keys are destroyed',
};

const TAKEN = 'the old CA is trusted no more; its key never was ours';

/** What was done, where the rollover stands, and what comes next. */
export function renderRollover(document: RolloverDocument, style: Style, now: Date): string {
  const { phase, form, old, new: fresh, since, emergency, steps = [], dryRun } = document;
  const root = (of: RootObject): string =>
    `${of.authority ?? of.subject}, ends ${relativeTime(Date.parse(of.notAfter), now.getTime())}, ${of.fingerprint.slice(0, 16)}…`;
  const verb = dryRun ? 'would ' : '';
  return [
    ...steps.flatMap(({ what }) => paragraph(`${verb}${what}`, style, 0)),
    `${style.bold(`phase ${phase}`)}: ${phase === 'done' && form === 'foreign' ? TAKEN : WORDS[phase]}`,
    ...keyValues(
      [
        { label: phase === 'stable' ? 'root CA' : 'old', value: old && root(old) },
        { label: 'new', value: fresh && root(fresh) },
        { label: 'since', value: since && relativeTime(Date.parse(since), now.getTime()) },
        {
          label: 'emergency',
          value: emergency && `each step within ${formatDuration(emergency.deadline)}`,
        },
        { label: 'left out', value: document.excluded.map(({ node }) => node).join(' ') || undefined },
      ],
      style,
      LAYOUT,
    ),
    `next: ${style.accent(safeText(document.next, style))}`,
  ].join('\n');
}
