import { sha256Hex } from '../crypto/hash.ts';
import { tampered } from '../keystore/canonical.ts';
import type { Identity } from '../keystore/identity.ts';
import { readObject } from '../keystore/load.ts';
import { applyRecord } from '../keystore/log/fold.ts';
import { decodeRecord, type LogRecord, recordHash } from '../keystore/log/record.ts';
import type { LogState } from '../keystore/log/state.ts';
import { decodePack, type PackedCertificate } from '../keystore/pack.ts';
import type { Store } from '../keystore/store.ts';
import { fromBase64 } from '../pki/encoding.ts';

/** One record of a log that was verified up to here. */
export interface Step {
  entry: LogRecord;
  /** Its file. */
  bytes: Uint8Array;
  /** SHA-256 of its file. */
  hash: string;
  /** What an issue record issued. */
  pack: PackedCertificate[];
  /** The state behind it, without the certificates. */
  state: LogState;
}

/**
 * Replays a log from its first record: signature, chain, and every rule of the fold. Nothing is kept of a record once
 * the next is asked for, whatever the number of certificates.
 * @throws ERR_KEYSTORE_TAMPERED at the first record that does not hold
 */
export async function* walkLog(store: Store, identity: Identity, identityBytes: Uint8Array): AsyncGenerator<Step> {
  const auditKey = fromBase64(identity.auditKey);
  let state: LogState | undefined;
  for (let seq = 0; ; seq++) {
    const bytes = await store.readRecord(seq);
    if (bytes === undefined) break;
    const entry = decodeRecord(identity.id, seq, bytes, auditKey);
    if (seq === 0 && entry.prev !== sha256Hex(identityBytes))
      throw tampered('the log belongs to another KEYSTORE file');
    const what = `the certificates of log record ${seq}`;
    const pack = entry.op === 'issue' ? decodePack(await readObject(store, entry.body.pack, what), what) : [];
    const hash = recordHash(bytes);
    ({ state } = applyRecord(state, entry, hash, identity.id, pack));
    yield { entry, bytes, hash, pack, state };
  }
  if (state === undefined) throw tampered('the log is empty');
}
