import { MOST_ALERT_CHANGES } from '../keystore/log/alerts.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import type { Alert } from './alert.ts';
import { alertBodies, type Transition, transitions } from './lifecycle.ts';

/** More records than one look can need: each leaves at most 2 × 1,024 changes less. */
const MOST_RECORDS = 16;

/**
 * Records what is to be told now, and returns it: to be told after it is durable, so that a restart tells nothing
 * twice. Made anew when another writer was faster, so that two daemons do not both tell it.
 * @param alerts what the rules say now
 * @param now milliseconds since 1970
 * @throws ERR_STORAGE, ERR_KEYSTORE_BUSY …: what was recorded before is then not returned, and is told a day later
 */
export async function recordTransitions(
  writer: KeystoreWriter,
  requestId: string,
  alerts: readonly Alert[],
  now: number,
): Promise<Transition[]> {
  const told: Transition[] = [];
  for (let records = 0; records < MOST_RECORDS; records++) {
    let some: Transition[] = [];
    const entry = await writer.commit('alerts', requestId, async () => {
      some = transitions(writer.keystore.state.alerts ?? [], alerts, now).slice(0, MOST_ALERT_CHANGES);
      return alertBodies(some)[0];
    });
    if (entry === undefined) break;
    told.push(...some);
  }
  return told;
}
