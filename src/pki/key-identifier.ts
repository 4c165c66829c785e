import type { Sha256 } from './signature.ts';
import { parsePublicKeyInfo } from './x509/public-key.ts';

/** The key identifier by RFC 7093 §2 method 1: the first 160 bits of SHA-256 over the subjectPublicKey's octets. */
export function keyIdentifier(spki: Uint8Array, sha256: Sha256): Uint8Array {
  return sha256(parsePublicKeyInfo(spki).key).slice(0, 20);
}
