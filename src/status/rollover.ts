import type { RolloverStanding } from '../alerts/rollovers.ts';
import type { Inventory } from '../inventory/read.ts';
import { inProgress } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { situationByLog } from '../rollover/evidence/by-log.ts';
import { board } from '../rollover/planning/board.ts';

/** A rollover that is in progress, by the last proofs; undefined when there is none. */
export async function rolloverStanding(
  keystore: Keystore,
  inventory: Inventory | undefined,
  now: Date,
): Promise<RolloverStanding | undefined> {
  const { rollover } = keystore.state;
  if (rollover === undefined || !inProgress(keystore.state)) return undefined;
  const { phase, since, evidence = [], emergency } = rollover;
  const { blocking, blockers } = board(await situationByLog(keystore, inventory, now), {});
  const looked = evidence.map(({ at }) => at).filter((at) => at >= since);
  return {
    phase,
    since,
    lookedAt: looked.length === 0 ? undefined : looked.reduce((a, b) => Math.max(a, b)),
    deadline: emergency && emergency.deadline * 1000,
    blocking,
    blockers,
  };
}
