import { createPublicKey, type KeyObject, verify } from 'node:crypto';

const keys = new Map<string, KeyObject>();

/** Verifies an Ed25519 signature (RFC 8032) by a SubjectPublicKeyInfo; false for a key that is none. */
export function verifyEd25519(spki: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  const id = Buffer.from(spki).toString('latin1');
  let key = keys.get(id);
  try {
    if (key === undefined) {
      key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
      keys.set(id, key);
    }
    return key.asymmetricKeyType === 'ed25519' && verify(null, data, key, signature);
  } catch {
    return false;
  }
}
