import { sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { tampered } from '../keystore/canonical.ts';
import { decodeRecord } from '../keystore/log/record.ts';
import { decodePack } from '../keystore/pack.ts';
import { DerError } from '../pki/der/error.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { type InputFile, readSources } from '../verification/read-sources.ts';
import { checkAuditKey, checkVouchedFor } from './audit-key.ts';
import { keystoreOf, verifyCheckpoint } from './checkpoint.ts';
import { leafHash, provesInclusion } from './merkle.ts';
import { readProof } from './proof.ts';
import { PROOF_FILES } from './prove.ts';

export interface ProofOptions {
  /** SHA-256 of the audit key that the auditor expects. */
  auditKey: string | undefined;
  /** Trust anchors that must vouch for the audit key. */
  trust: InputFile[] | undefined;
  now: Date;
}

/** What a proof proves. */
export interface ProofDocument {
  valid: boolean;
  /** The name of the log, and its size at the checkpoint. */
  log?: string;
  records?: number;
  /** The record that issued the certificate, and when. */
  record?: number;
  time?: string;
  serial?: string;
  fingerprint?: string;
}

/**
 * Checks a proof of inclusion with nothing of the keystore: the certificate is in the pack, the pack is what the record
 * names, the record is in the tree, the tree's root is signed, and the signing key is the one that was written down, or
 * one that the trust anchors vouch for.
 * @param read the files of the proof by name
 * @returns what it proves, and the error when it does not
 * @throws ERR_CONFIG when a file is not what its name says
 */
export function checkProof(
  read: (name: string) => Uint8Array,
  { auditKey, trust, now }: ProofOptions,
): { document: ProofDocument; error?: ClusterCaError } {
  const [certificate] = certificatesOf(read, PROOF_FILES.certificate);
  const audit = certificatesOf(read, PROOF_FILES.audit);
  const proof = readProof(new TextDecoder().decode(read(PROOF_FILES.proof)), PROOF_FILES.proof);
  const record = read(PROOF_FILES.record);
  const pack = read(PROOF_FILES.pack);
  const { origin, size, root } = proof.checkpoint;
  const key = audit[0].publicKey.der;
  const document: ProofDocument = {
    valid: false,
    log: origin,
    records: size,
    record: proof.index,
    serial: toHex(certificate.serialNumber),
    fingerprint: sha256Hex(certificate.der),
  };
  try {
    checkAuditKey(key, auditKey);
    const ofKey = audit.filter(({ publicKey }) => equalBytes(publicKey.der, key));
    const others = audit
      .filter((one) => !ofKey.includes(one))
      .map(({ der }) => ({ name: PROOF_FILES.audit, bytes: der }));
    if (trust !== undefined) checkVouchedFor(ofKey, trust, now, others);
    const keystoreId = keystoreOf(origin);
    if (keystoreId === undefined) throw tampered(`${origin} is not the name of a keystore's log`);
    verifyCheckpoint(proof.checkpoint, origin, key);
    if (!provesInclusion(leafHash(record), { index: proof.index, size, root, path: proof.path }))
      throw tampered(`the record is not record ${proof.index} of the log that was signed`);
    const entry = decodeRecord(keystoreId, proof.index, record, key);
    document.time = entry.time;
    if (entry.op !== 'issue' || entry.body.pack !== sha256Hex(pack))
      throw tampered('the record did not issue the certificates of this pack');
    if (!decodePack(pack, PROOF_FILES.pack).some(({ der }) => equalBytes(der, certificate.der)))
      throw tampered('the certificate is not in the pack');
    return { document: { ...document, valid: true } };
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_KEYSTORE_TAMPERED')) throw error;
    return { document, error };
  }
}

function certificatesOf(read: (name: string) => Uint8Array, name: string): [Certificate, ...Certificate[]] {
  try {
    // There is one at least, or it is refused.
    return readSources({ name, bytes: read(name) }, 'certificate').map(({ der }) => parseCertificate(der)) as [
      Certificate,
      ...Certificate[],
    ];
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new ClusterCaError('ERR_CONFIG', `${name} holds no certificate that can be read: ${error.message}`, {
      cause: error,
    });
  }
}
