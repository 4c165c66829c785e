import type { Keystore } from '../keystore/keystore.ts';
import { decodeRecord } from '../keystore/log/record.ts';
import { fromBase64 } from '../pki/encoding.ts';

/** A backup that the log knows of. */
export interface MadeBackup {
  id: string;
  /** RFC 3339. */
  createdAt: string;
  /** Whether the root domain's keys are in it. */
  root: boolean;
}

/** Every backup that was ever made, oldest first. @throws ERR_KEYSTORE_TAMPERED, ERR_STORAGE */
export async function backupsMade({ store, state, identity }: Keystore): Promise<MadeBackup[]> {
  const auditKey = fromBase64(identity.auditKey);
  const made: MadeBackup[] = [];
  for (let seq = 0; seq <= state.seq; seq++) {
    const bytes = await store.readRecord(seq);
    if (bytes === undefined) break;
    const { op, body, time } = decodeRecord(identity.id, seq, bytes, auditKey);
    if (op === 'backup') made.push({ id: body.id, createdAt: time, root: body.root });
  }
  return made;
}
