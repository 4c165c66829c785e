import { sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { tampered } from './canonical.ts';
import { type IndexPages, NO_PAGES } from './certificates/index.ts';
import { Overlay } from './certificates/overlay.ts';
import type { Identity } from './identity.ts';
import { applyRecord, type Changes } from './log/fold.ts';
import { checkNoGap } from './log/gap.ts';
import { decodeRecord, type LogRecord, recordHash } from './log/record.ts';
import type { LogState } from './log/state.ts';
import { decodePack, type PackedCertificate } from './pack.ts';
import { readSnapshot } from './snapshot/snapshot.ts';
import type { Store } from './store.ts';

/** The log folded up to its head. */
export interface Loaded {
  state: LogState;
  pages: IndexPages;
  overlay: Overlay;
}

/** An object that the log names, compared with its hash. @throws ERR_KEYSTORE_TAMPERED when it is missing or changed */
export async function readObject(store: Store, sha256: string, what: string): Promise<Uint8Array> {
  const bytes = await store.getObject(sha256);
  if (bytes === undefined) throw tampered(`objects/${sha256} (${what}) is missing`);
  if (sha256Hex(bytes) !== sha256) throw tampered(`objects/${sha256} (${what}) is not what the log names`);
  return bytes;
}

/**
 * Reads the log: from the snapshot where there is a good one, else from its first record. The head is found by
 * reading on until there is no next record, and no record beyond it: a log is never taken for whole that has a gap.
 * @throws ERR_KEYSTORE_TAMPERED, ERR_KEYSTORE_ROLLED_BACK when the log ends before its own snapshot
 */
export async function loadLog(store: Store, identity: Identity, identityBytes: Uint8Array): Promise<Loaded> {
  const start = await startingPoint(store, identity, identityBytes);
  const overlay = new Overlay();
  const folded = await foldOn(store, identity, identityBytes, start?.state, overlay);
  if (folded === undefined) throw tampered('the log is empty');
  await checkNoGap(store, folded.seq + 1);
  return { state: folded, pages: start?.pages ?? NO_PAGES, overlay };
}

/** Applies every record behind `state`; their changes go into the overlay, all of them or, after an error, none. */
export async function foldOn(
  store: Store,
  identity: Identity,
  identityBytes: Uint8Array,
  state: LogState | undefined,
  overlay: Overlay,
): Promise<LogState | undefined> {
  const auditKey = fromBase64(identity.auditKey);
  const changes: Changes[] = [];
  let current = state;
  for (let seq = current === undefined ? 0 : current.seq + 1; ; seq++) {
    const bytes = await store.readRecord(seq);
    if (bytes === undefined) break;
    const entry = decodeRecord(identity.id, seq, bytes, auditKey);
    if (seq === 0) checkBelongs(entry, identityBytes);
    const pack = entry.op === 'issue' ? await readPack(store, entry.body.pack, seq) : [];
    const applied = applyRecord(current, entry, recordHash(bytes), identity.id, pack);
    current = applied.state;
    changes.push(applied.changes);
  }
  for (const change of changes) overlay.add(change);
  return current;
}

function checkBelongs(first: LogRecord, identityBytes: Uint8Array): void {
  if (first.prev !== sha256Hex(identityBytes)) throw tampered('the log belongs to another KEYSTORE file');
}

/** The certificates of an issue record. @throws ERR_KEYSTORE_TAMPERED */
export async function readPack(store: Store, sha256: string, seq: number): Promise<PackedCertificate[]> {
  const what = `the certificates of log record ${seq}`;
  return decodePack(await readObject(store, sha256, what), what);
}

async function startingPoint(store: Store, identity: Identity, identityBytes: Uint8Array) {
  const auditKey = fromBase64(identity.auditKey);
  let snapshot: Awaited<ReturnType<typeof readSnapshot>>;
  try {
    snapshot = await readSnapshot(store, identity.id, auditKey);
  } catch (error) {
    if (isClusterCaError(error, 'ERR_KEYSTORE_TAMPERED')) return undefined;
    throw error;
  }
  if (snapshot === undefined) return undefined;
  const { seq, head } = snapshot.state;
  const record = await store.readRecord(seq);
  if (record === undefined) throw rolledBack(`the log ends before record ${seq}, which its snapshot has seen`);
  if (recordHash(record) !== head) throw rolledBack(`log record ${seq} is not the one that the snapshot has seen`);
  const first = await store.readRecord(0);
  if (first === undefined) throw tampered('the log does not begin with its init record');
  checkBelongs(decodeRecord(identity.id, 0, first, auditKey), identityBytes);
  return snapshot;
}

/** The error of a log that is shorter than, or differs from, what was seen of it before. */
export function rolledBack(message: string, hint?: string): ClusterCaError {
  return new ClusterCaError('ERR_KEYSTORE_ROLLED_BACK', message, {
    hint:
      hint ??
      'this is an older copy of the keystore: bring back the newer one; after a wanted restore: cluster-ca keystore check --accept-rollback',
  });
}
