import { sha256 } from '../crypto/hash.ts';
import { certificateFields } from '../inspection/certificate-object.ts';
import { type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { publicHalf } from '../placement/key-match.ts';
import { FILES, type Place } from '../placement/place.ts';
import type { HolderFiles } from './files.ts';
import { type IssueItem, itemNameTexts } from './item.ts';

/** Why a certificate is left alone. */
export type UnchangedReason = 'current' | 'finished' | 'revoked' | 'same-request';

/**
 * Whether the log has a valid, undue certificate for just what is asked: the same names, profile, key type and, for
 * a certification request, key.
 */
export async function fits(
  keystore: Keystore,
  current: IssuedCertificate | undefined,
  item: IssueItem,
  now: Date,
): Promise<boolean> {
  if (current === undefined || statusOf(current, now) !== 'valid' || current.dueAt <= now.getTime()) return false;
  if (current.authority !== keystore.issuing.id || current.profile !== item.profile) return false;
  const certificate = parseCertificate(await keystore.der(current));
  const { subjectAltNames, keyType } = certificateFields(certificate, (data) => sha256(data));
  const wanted = itemNameTexts(item, keystore.state.policy);
  if (subjectAltNames.toSorted().join('\n') !== wanted.toSorted().join('\n')) return false;
  if (item.publicKey !== undefined) return equalBytes(item.publicKey, certificate.publicKey.der);
  return keyType === item.keyType;
}

/** Whether the three files (two, where the key was made elsewhere) are those of this certificate. */
export function filesAreWhole(place: Place, files: HolderFiles, withKey: boolean): boolean {
  const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);
  if (text(place.read(FILES.certificate)) !== files.certificate) return false;
  if (text(place.read(FILES.trustBundle)) !== files.trustBundle) return false;
  return !withKey || publicHalf(place.read(FILES.key)) === files.publicKey;
}

/** Whether a private key in PEM belongs to one of these certificates. */
export async function keyBelongsTo(
  keystore: Keystore,
  pem: Uint8Array,
  certificates: readonly IssuedCertificate[],
): Promise<boolean> {
  const key = publicHalf(pem);
  if (key === undefined) return false;
  for (const row of certificates.toReversed())
    if (toHex(parseCertificate(await keystore.der(row)).publicKey.der) === key) return true;
  return false;
}
