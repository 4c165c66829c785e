import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { chainPem } from '../issuance/files.ts';
import { type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { crlBundle, trustBundle } from '../keystore/public.ts';
import { toHex } from '../pki/encoding.ts';
import { encodePem } from '../pki/pem.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { publicHalf } from '../placement/key-match.ts';
import { FILES, holderDirectory } from '../placement/place.ts';

/** What one holder's services are to be given. */
export interface Material {
  row: Pick<IssuedCertificate, 'name' | 'profile'>;
  certificate: Certificate;
  /** SHA-256 of the certificate, hex. */
  fingerprint: string;
  /** PEM: the certificate and its issuing CA. */
  chain: string;
  /** The certificate's SubjectPublicKeyInfo, hex. */
  publicKey: string;
  /** PEM. */
  trustBundle: string;
  /** PEM: one for every CA; the issuing CA's alone. */
  crls: { 'every-level': string; issuing: string };
  /** The private key, PEM, from where the operator keeps it. The caller zeroes it. Undefined when it is not there. */
  key: () => Uint8Array | undefined;
  /** Files that stand where that key should, and are not it. */
  otherKeys: () => string[];
}

/**
 * The newest certificate of a holder, with what goes with it.
 * @param keys directories of the form that `--out` has
 * @param options.whatever also when it is revoked or has ended: only what goes with it is wanted
 * @throws ERR_NOT_FOUND when it never got one; ERR_STATE when its last is revoked or has ended
 */
export async function materialOf(
  keystore: Keystore,
  unit: { holder: { kind: 'node' | 'client'; name: string }; plane: string },
  keys: readonly string[],
  now: Date,
  options: { whatever?: boolean } = {},
): Promise<Material> {
  const { holder, plane } = unit;
  const row = await keystore.query((index) => index.current(holder.kind, holder.name, plane));
  const what = plane === '' ? holder.name : `${holder.name} on plane ${plane}`;
  if (row === undefined)
    throw new ClusterCaError('ERR_NOT_FOUND', `nothing was issued to ${what}`, {
      hint: 'cluster-ca issue --inventory FILE',
    });
  const status = statusOf(row, now);
  if (status !== 'valid' && !options.whatever)
    throw new ClusterCaError('ERR_STATE', `the certificate of ${what} is ${status}`, {
      hint: status === 'expired' ? `cluster-ca rotate ${holder.name}` : `cluster-ca issue ${holder.name}`,
      details: { status },
    });
  const der = await keystore.der(row);
  const certificate = parseCertificate(der);
  const publicKey = toHex(certificate.publicKey.der);
  return {
    row,
    certificate,
    fingerprint: sha256Hex(der),
    chain: chainPem(keystore, der, row.authority),
    publicKey,
    trustBundle: trustBundle(keystore, now),
    crls: {
      'every-level': await crlBundle(keystore, now),
      issuing: encodePem('X509 CRL', await keystore.crl(row.authority)),
    },
    key: () => keysOf(keys, { ...holder, plane }, publicKey).key,
    otherKeys: () => {
      const { key, others } = keysOf(keys, { ...holder, plane }, publicKey);
      key?.fill(0);
      return others;
    },
  };
}

function keysOf(
  directories: readonly string[],
  holder: { kind: string; name: string; plane: string },
  publicKey: string,
): { key?: Uint8Array; others: string[] } {
  const others: string[] = [];
  for (const directory of directories) {
    const path = join(holderDirectory(directory, holder), FILES.key);
    let pem: Uint8Array;
    try {
      pem = readFileSync(path);
    } catch {
      continue;
    }
    if (publicHalf(pem) === publicKey) return { key: pem, others };
    pem.fill(0);
    others.push(path);
  }
  return { others };
}
