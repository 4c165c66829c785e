import type { Blocker, GuardName } from '../blocker.ts';
import type { Judged } from '../situation.ts';
import { certificateBlockers } from './certificates.ts';
import { trustBlockers } from './trust.ts';

/** What must hold for a step: who or what it does not hold for. Nobody: the step may be taken. */
export type Guard = (judged: Judged) => Blocker[];

/** PREPARED → DISTRIBUTE: the new root and its link verified by other code, a backup made and restored once. */
const g1: Guard = ({ situation: { rollover } }) => [
  ...(rollover.prepared.verified
    ? []
    : [
        {
          guard: 'G1' as const,
          reason: 'the new root and the certificate that links it to the old one are not verified',
          hint: 'cluster-ca rollover rollback abandons it; then start again',
        },
      ]),
  ...(rollover.prepared.backup
    ? []
    : [
        {
          guard: 'G1' as const,
          reason: 'no backup with the new keys was made and restored once',
          hint: 'cluster-ca keystore backup --out FILE makes one, and restores it in a temporary directory',
        },
      ]),
];

/** DISTRIBUTE → ISSUE_NEW: everybody has proven that the new root is trusted. */
const g2: Guard = (judged) => trustBlockers(judged, 'G2', 'new', true);

/** ISSUE_NEW → RETIRE: no certificate of the old root is in use. */
const g3: Guard = (judged) => certificateBlockers(judged, 'G3', 'old');

/** RETIRE → DONE: everybody has proven that the old root is trusted no more. */
const g4: Guard = (judged) => trustBlockers(judged, 'G4', 'old', false);

/**
 * ROLLBACK → STABLE: no certificate of the new root is in use; and, once it goes out of the bundles, everybody has
 * proven that it is trusted no more, before its key is destroyed.
 */
const g5: Guard = (judged) => [
  ...certificateBlockers(judged, 'G5', 'new'),
  ...(judged.situation.rollover.withdrawn ? trustBlockers(judged, 'G5', 'new', false) : []),
];

/**
 * Into ROLLBACK: everybody has proven that the old root is trusted, before anything is issued under it again. Up to
 * DISTRIBUTE nobody was ever told to drop it: there only who is seen to lack it stands in the way, and nobody is asked for
 * a word.
 */
const gr: Guard = (judged) => {
  const { phase } = judged.situation.rollover;
  const standings = judged.standings.filter(({ trustsOld }) => phase !== 'distribute' || trustsOld === false);
  return trustBlockers({ ...judged, standings }, 'GR', 'old', true);
};

export const GUARDS: Readonly<Record<GuardName, Guard>> = { G1: g1, G2: g2, G3: g3, G4: g4, G5: g5, GR: gr };
