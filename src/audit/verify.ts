import { sha256 } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { type Anchor, parseHead } from '../keystore/anchor.ts';
import { tampered } from '../keystore/canonical.ts';
import { auditKeyFingerprint, decodeIdentity, type Identity } from '../keystore/identity.ts';
import { rolledBack } from '../keystore/load.ts';
import { checkNoGap } from '../keystore/log/gap.ts';
import type { LogRecord } from '../keystore/log/record.ts';
import type { LogState } from '../keystore/log/state.ts';
import type { Store } from '../keystore/store.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { OID } from '../pki/oids.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import type { InputFile } from '../verification/read-sources.ts';
import { verifyFiles } from '../verification/verify-files.ts';
import { type Step, walkLog } from './walk.ts';

export interface AuditOptions {
  /** SHA-256 of the audit key that the auditor expects. */
  auditKey: string | undefined;
  /** A head that the auditor has seen before. */
  expectHead: Anchor | undefined;
  /** Trust anchors from elsewhere; without them the keystore's own root. */
  trust: InputFile[] | undefined;
  /** This user's anchor, where there is one. */
  anchor: Anchor | undefined;
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
  rollbackChecked: boolean;
}

const verify = createVerifySignature();

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
  const hashes = new Map<number, string>();
  const wanted = new Set([options.expectHead?.seq, options.anchor?.seq]);
  const look = ({ entry, hash }: Step): void => {
    seen.records++;
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
    rollbackChecked: options.expectHead !== undefined || options.anchor !== undefined,
  });
  try {
    const identityBytes = await store.readIdentity();
    if (identityBytes === undefined)
      throw new ClusterCaError('ERR_KEYSTORE_ABSENT', `there is no keystore at ${store.location}`);
    const identity = decodeIdentity(identityBytes);
    checkAuditKey(identity, options.auditKey);
    let state: LogState | undefined;
    for await (const step of walkLog(store, identity, identityBytes)) {
      look(step);
      state = step.state;
    }
    if (state === undefined) throw tampered('the log is empty');
    await checkNoGap(store, state.seq + 1);
    checkAuditCertificate(state, identity, options);
    checkBound(options.expectHead, hashes, state, 'the expected head');
    checkBound(options.anchor, hashes, state, "this user's anchor");
    checkBound(await publicHead(store), hashes, state, 'public/head');
    return { document: document(true) };
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_KEYSTORE_TAMPERED', 'ERR_KEYSTORE_ROLLED_BACK')) throw error;
    return { document: document(false), error };
  }
}

function checkAuditKey(identity: Identity, expected: string | undefined): void {
  const found = auditKeyFingerprint(identity);
  if (expected !== undefined && expected !== found) throw tampered(`the audit key is ${found}, not ${expected}`);
}

/** The root vouches for the audit key: its certificate, in record 0, validates to the trust anchors for its own purpose alone. */
function checkAuditCertificate(state: LogState, identity: Identity, { trust, now }: AuditOptions): void {
  const certificates = [state.audit.certificate, ...(state.auditCertificates ?? [])].map((certificate) =>
    parseCertificate(fromBase64(certificate)),
  );
  if (certificates.some(({ publicKey }) => !equalBytes(publicKey.der, fromBase64(identity.auditKey))))
    throw tampered('the audit certificate is for another key than the log is signed with');
  const own = state.authorities
    .filter(({ role }) => role === 'root')
    .map(({ id, certificate: der }) => ({ name: id, bytes: fromBase64(der) }));
  // Each root of a rollover has vouched for it: whoever trusts one of them needs no other.
  const verdicts = certificates.toReversed().map((certificate) =>
    verifyFiles({
      subject: { name: 'the audit certificate', bytes: certificate.der },
      trust: trust ?? own,
      options: { purposes: [OID.auditLogSigning] },
      now: new Date(Math.min(now.getTime(), certificate.notAfter)),
      verify,
      sha256: (data) => sha256(data),
    }),
  );
  if (verdicts.some(({ valid }) => valid)) return;
  const why = verdicts[0]?.failures[0]?.message ?? 'no path';
  throw tampered(`the trust anchors do not vouch for the audit key: ${why}`);
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
