import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto';

const TAG = 16;

/** AES-256-GCM (SP 800-38D): the ciphertext followed by its tag of 16 octets. `nonce` of 12 octets, never twice under one key. */
export function sealAesGcm(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
  cipher.setAAD(aad);
  return new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]));
}

/** The plaintext; undefined when the tag does not verify. */
export function openAesGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  aad: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < TAG) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  try {
    const head = decipher.update(sealed.subarray(0, sealed.length - TAG));
    const plaintext = new Uint8Array(head.length);
    plaintext.set(head);
    head.fill(0);
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}

/** Comparison in constant time; false for different lengths. */
export function equalSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
