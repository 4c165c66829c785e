/**
 * The phases of a rollover: the words of its log records, and which may follow which. Pure, and below the keystore,
 * whose fold asks it too.
 */

/** Where a rollover stands. `done` is shown until the next `start`, which takes it for `stable` with the new root. */
export type Phase = (typeof PHASES)[number];
export const PHASES = ['stable', 'prepared', 'distribute', 'issue-new', 'retire', 'rollback', 'done'] as const;

/**
 * What is replaced: `root` our own root and its issuing CA; `foreign` a root whose key we do not hold
 * (`--from-anchor`), by ours. A new issuing CA under the same root (`--issuing`) has no phases.
 */
export type Form = (typeof FORMS)[number];
export const FORMS = ['root', 'foreign'] as const;

/** One of the two hierarchies: O, the one that goes, and N, the one that comes. */
export type Side = 'old' | 'new';

/** What a phase wants: which anchors are in the desired trust, which CA issues node certificates. */
export interface Desired {
  readonly trust: readonly Side[];
  readonly issuer: Side;
}

const OLD_ONLY: Desired = { trust: ['old'], issuer: 'old' };
const BOTH_OLD: Desired = { trust: ['old', 'new'], issuer: 'old' };
const BOTH_NEW: Desired = { trust: ['old', 'new'], issuer: 'new' };
const NEW_ONLY: Desired = { trust: ['new'], issuer: 'new' };

const DESIRED: Record<Phase, Desired> = {
  stable: OLD_ONLY,
  prepared: OLD_ONLY,
  distribute: BOTH_OLD,
  'issue-new': BOTH_NEW,
  retire: NEW_ONLY,
  rollback: BOTH_OLD,
  done: NEW_ONLY,
};

/**
 * What a phase wants of every service.
 * @param withdrawn in `rollback`: no certificate of N is in use any more, and N goes out of the bundles, which has to
 *   be proven before its key is destroyed
 */
export function desired(phase: Phase, withdrawn = false): Desired {
  return phase === 'rollback' && withdrawn ? OLD_ONLY : DESIRED[phase];
}

const SUCCESSORS: Record<Phase, readonly Phase[]> = {
  stable: ['prepared'],
  prepared: ['distribute', 'stable'],
  distribute: ['issue-new', 'rollback'],
  'issue-new': ['retire', 'rollback'],
  retire: ['done', 'issue-new'],
  rollback: ['stable'],
  done: ['prepared'],
};

/** The phases that a record may lead to: the next one first, then the way back. None is ever skipped (I4). */
export function successors(phase: Phase): readonly Phase[] {
  return SUCCESSORS[phase];
}

/** Whether the step destroys a root's key, and so needs the root domain; `start`, which makes one, does as well. */
export function needsRootDomain(from: Phase, to: Phase): boolean {
  return to === 'stable' || to === 'done' || (to === 'prepared' && (from === 'stable' || from === 'done'));
}
