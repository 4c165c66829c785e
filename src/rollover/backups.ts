import { walkLog } from '../audit/walk.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { formatTime } from '../values/time.ts';

/** A backup that the log knows. */
export interface KeptBackup {
  id: string;
  /** RFC 3339. */
  at: string;
  /** With the root domain's keys. */
  root: boolean;
}

/** The backups that hold the keys of a generation of CAs: all that were made since it is there. Reads the whole log. */
export async function backupsHolding({ store, identity, identityBytes }: Keystore, generation: number) {
  const backups: KeptBackup[] = [];
  for await (const { entry, state } of walkLog(store, identity, identityBytes)) {
    if (!state.authorities.some((authority) => authority.generation === generation)) continue;
    const made = entry.op === 'backup' ? entry.body : entry.op === 'rollover' ? entry.body.start?.backup : undefined;
    if (made !== undefined) backups.push({ ...made, at: formatTime(Date.parse(entry.time)) });
  }
  return backups;
}
