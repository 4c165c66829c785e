import { ClusterCaError } from '../errors.ts';
import { tampered } from '../keystore/canonical.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { readObject, rolledBack } from '../keystore/load.ts';
import type { Store } from '../keystore/store.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { encodePem } from '../pki/pem.ts';
import { originOf, readCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { inclusionProof, leafHash, MerkleTree } from './merkle.ts';
import { encodeProof } from './proof.ts';

/** The files of a proof, in the order in which they are checked. */
export const PROOF_FILES = {
  certificate: 'cert.pem',
  pack: 'pack',
  record: 'record',
  proof: 'record.tlog-proof',
  audit: 'audit.pem',
} as const;

/** The leaves of the first `size` records. @throws ERR_KEYSTORE_ROLLED_BACK when there are fewer */
export async function logLeaves(store: Store, size: number): Promise<Uint8Array[]> {
  const leaves: Uint8Array[] = [];
  for (let seq = 0; seq < size; seq++) {
    const bytes = await store.readRecord(seq);
    if (bytes === undefined)
      throw rolledBack(`the log ends before record ${seq}, and the checkpoint has seen ${size} records`);
    leaves.push(leafHash(bytes));
  }
  return leaves;
}

/** The tree of the first records of a log is a checkpoint's. No signature of a record is looked at: the checkpoint's covers them. @throws ERR_KEYSTORE_ROLLED_BACK */
export function checkLeaves(leaves: readonly Uint8Array[], root: Uint8Array): void {
  const tree = new MerkleTree();
  for (const leaf of leaves) tree.add(leaf);
  if (!equalBytes(tree.root(), root))
    throw rolledBack(`the first ${leaves.length} records are not those that the checkpoint has seen`);
}

/**
 * That a certificate was issued by a record of the log, for whoever has nothing of the keystore but the root.
 * @param note a checkpoint of this log
 * @returns the files by name
 * @throws ERR_CONFIG, ERR_STATE when the checkpoint is older than the certificate, ERR_KEYSTORE_TAMPERED, ERR_KEYSTORE_ROLLED_BACK
 */
export async function proveCertificate(
  keystore: Keystore,
  certificate: IssuedCertificate,
  note: string,
  what: string,
): Promise<Record<string, Uint8Array>> {
  const { state, identity, store } = keystore;
  const checkpoint = readCheckpoint(note, what);
  verifyCheckpoint(checkpoint, originOf(state.cluster, identity.id), fromBase64(identity.auditKey));
  const { seq, pack, serial } = certificate;
  if (seq >= checkpoint.size)
    throw new ClusterCaError(
      'ERR_STATE',
      `${what} is older than the certificate ${serial}: it has not seen record ${seq}`,
      {
        hint: 'make a new one with: cluster-ca audit checkpoint',
      },
    );
  const leaves = await logLeaves(store, checkpoint.size);
  checkLeaves(leaves, checkpoint.root);
  const record = await store.readRecord(seq);
  if (record === undefined) throw tampered(`log record ${seq} is missing`);
  const text = new TextEncoder();
  return {
    [PROOF_FILES.certificate]: text.encode(encodePem('CERTIFICATE', await keystore.der(certificate))),
    [PROOF_FILES.pack]: await readObject(store, pack, `the certificates of log record ${seq}`),
    [PROOF_FILES.record]: record,
    [PROOF_FILES.proof]: text.encode(encodeProof(seq, inclusionProof(leaves, seq), note)),
    [PROOF_FILES.audit]: text.encode(
      // Behind them the issuing CAs, and those above them: below a root that is another PKI's, one of them vouches for the key.
      [
        state.audit.certificate,
        ...(state.auditCertificates ?? []),
        ...state.authorities.filter(({ role }) => role !== 'root').map(({ certificate }) => certificate),
      ]
        .map((der) => encodePem('CERTIFICATE', fromBase64(der)))
        .join(''),
    ),
  };
}
