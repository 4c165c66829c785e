import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { type Anchor, parseHead } from '../keystore/anchor.ts';
import { tampered } from '../keystore/canonical.ts';
import { decodeIdentity, type Identity } from '../keystore/identity.ts';
import { rolledBack } from '../keystore/load.ts';
import { checkNoGap } from '../keystore/log/gap.ts';
import type { LogRecord } from '../keystore/log/record.ts';
import type { LogState } from '../keystore/log/state.ts';
import type { Store } from '../keystore/store.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64, toBase64 } from '../pki/encoding.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import type { InputFile } from '../verification/read-sources.ts';
import { checkAuditKey, checkVouchedFor } from './audit-key.ts';
import { originOf, type UnverifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { leafHash, MerkleTree } from './merkle.ts';
import { type Step, walkLog } from './walk.ts';

export interface AuditOptions {
  /** SHA-256 of the audit key that the auditor expects. */
  auditKey: string | undefined;
  /** A head that the auditor has seen before. */
  expectHead: Anchor | undefined;
  /** A checkpoint of this log from elsewhere: what was in it then must be in it as it was. */
  since?: UnverifiedCheckpoint | undefined;
  /** Trust anchors from elsewhere; without them the keystore's own root. */
  trust: InputFile[] | undefined;
  /** This user's anchor, where there is one. */
  anchor: Anchor | undefined;
  /** public/head is looked at elsewhere: what is derived may be wrong where the log is right. */
  withoutPublicHead?: boolean;
  now: Date;
  onProgress?: (records: number) => void;
}

export interface AuditDocument {
  valid: boolean;
  records: number;
  /** RFC 3339 times of the first and the last record. */
  first?: string;
  last?: string;
  head?: string;
  /** The tree over all records: the root of RFC 6962 in base64, as a checkpoint says it. */
  root?: string;
  rollbackChecked: boolean;
}

/**
 * Replays the whole log from its first record: chain, signatures, every rule of the fold, and that the root vouches
 * for the audit key.
 * @returns the document, and the error when the log is not valid
 */
export async function auditLog(
  store: Store,
  options: AuditOptions,
): Promise<{ document: AuditDocument; error?: ClusterCaError }> {
  const seen: { entry?: LogRecord; first?: string; head?: string; records: number } = { records: 0 };
  const tree = new MerkleTree();
  const hashes = new Map<number, string>();
  // Before the replay: what is written to it meanwhile is of records that the replay may not reach.
  const derived = options.withoutPublicHead ? undefined : await publicHead(store);
  const wanted = new Set([options.expectHead?.seq, options.anchor?.seq, derived?.seq]);
  const look = ({ entry, hash, bytes }: Step): void => {
    seen.records++;
    tree.add(leafHash(bytes));
    if (tree.size === options.since?.size) checkSince(options.since, tree.root());
    seen.first ??= entry.time;
    seen.entry = entry;
    seen.head = `${entry.seq}:${hash}`;
    if (wanted.has(entry.seq)) hashes.set(entry.seq, hash);
    options.onProgress?.(seen.records);
  };
  const document = (valid: boolean): AuditDocument => ({
    valid,
    records: seen.records,
    ...(seen.first === undefined ? {} : { first: seen.first }),
    ...(seen.entry === undefined ? {} : { last: seen.entry.time }),
    ...(seen.head === undefined ? {} : { head: seen.head }),
    ...(valid ? { root: toBase64(tree.root()) } : {}),
    rollbackChecked: [options.expectHead, options.anchor, options.since].some((bound) => bound !== undefined),
  });
  try {
    const identityBytes = await store.readIdentity();
    if (identityBytes === undefined)
      throw new ClusterCaError('ERR_KEYSTORE_ABSENT', `there is no keystore at ${store.location}`);
    const identity = decodeIdentity(identityBytes);
    checkAuditKey(fromBase64(identity.auditKey), options.auditKey);
    let state: LogState | undefined;
    for await (const step of walkLog(store, identity, identityBytes)) {
      if (options.since !== undefined && step.entry.seq === 0)
        verifyCheckpoint(options.since, originOf(step.state.cluster, identity.id), fromBase64(identity.auditKey));
      look(step);
      state = step.state;
    }
    if (state === undefined) throw tampered('the log is empty');
    await checkNoGap(store, state.seq + 1);
    // Before its last record no log was: a clock that says so is wrong, and nothing the log's fault.
    checkAuditCertificate(state, identity, { ...options, now: new Date(Math.max(options.now.getTime(), state.time)) });
    if (options.since !== undefined && options.since.size > seen.records)
      throw rolledBack(`the log has ${seen.records} records, and the checkpoint has seen ${options.since.size}`);
    checkBound(options.expectHead, hashes, state, 'the expected head');
    checkBound(options.anchor, hashes, state, "this user's anchor");
    checkBound(derived, hashes, state, 'public/head');
    return { document: document(true) };
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_KEYSTORE_TAMPERED', 'ERR_KEYSTORE_ROLLED_BACK')) throw error;
    return { document: document(false), error };
  }
}

/** The root vouches for the audit key: its certificate, in record 0, validates to the trust anchors for its own purpose alone. */
function checkAuditCertificate(state: LogState, identity: Identity, { trust, now }: AuditOptions): void {
  const certificates = [state.audit.certificate, ...(state.auditCertificates ?? [])].map((certificate) =>
    parseCertificate(fromBase64(certificate)),
  );
  if (certificates.some(({ publicKey }) => !equalBytes(publicKey.der, fromBase64(identity.auditKey))))
    throw tampered('the audit certificate is for another key than the log is signed with');
  const files = (roots: boolean) =>
    state.authorities
      .filter(({ role }) => (role === 'root') === roots)
      .map(({ id, certificate: der }) => ({ name: id, bytes: fromBase64(der) }));
  checkVouchedFor(certificates, trust ?? files(true), now, files(false));
}

/** The tree at the size of a checkpoint is the checkpoint's: nothing in it was altered, moved or left out since. */
function checkSince(since: UnverifiedCheckpoint, root: Uint8Array): void {
  if (!equalBytes(root, since.root))
    throw rolledBack(`the first ${since.size} records are not those that the checkpoint has seen`);
}

function checkBound(bound: Anchor | undefined, hashes: Map<number, string>, state: LogState, what: string): void {
  if (bound === undefined) return;
  if (bound.seq > state.seq)
    throw rolledBack(`the log ends at record ${state.seq}, but ${what} is record ${bound.seq}`);
  const found = hashes.get(bound.seq);
  if (found !== undefined && found !== bound.head)
    throw rolledBack(`log record ${bound.seq} is not the one of ${what}`);
}

async function publicHead(store: Store): Promise<Anchor | undefined> {
  const bytes = await store.readBlob('public', 'head');
  return bytes === undefined ? undefined : parseHead(new TextDecoder().decode(bytes));
}
