import type { Sha256 } from './signature.ts';
import type { PublicKeyInfo } from './x509/certificate.ts';
import { parsePublicKeyInfo } from './x509/public-key.ts';

/** The key identifier by RFC 7093 §2 method 1: the first 160 bits of SHA-256 over the subjectPublicKey's octets. */
export function keyIdentifier(spki: Uint8Array, sha256: Sha256): Uint8Array {
  return keyIdentifierOf(parsePublicKeyInfo(spki), sha256);
}

/** The same of a key that is decoded already. */
export function keyIdentifierOf({ key }: PublicKeyInfo, sha256: Sha256): Uint8Array {
  return sha256(key).subarray(0, 20);
}
