import { equalSecret, openAesGcm, sealAesGcm } from '../../crypto/aead.ts';
import { randomBytes } from '../../crypto/hash.ts';
import { hkdfSha256 } from '../../crypto/kdf.ts';
import { concatBytes } from '../../pki/der/writer.ts';
import { fromBase64, toBase64 } from '../../pki/encoding.ts';
import { tampered } from '../canonical.ts';
import { base64, base64Of, record, type Shaped } from '../shape.ts';

/** What a sealing is bound to: nothing of it is secret, all of it must be the same to open it. */
export interface SealContext {
  keystoreId: string;
  /** `slot` or `sealed-key`. */
  type: string;
  /** Slot id or key id, in hex. */
  keyId: string;
  epoch: number;
  /** The wrapped key's algorithm; `master-key` for a master key. */
  algorithm: string;
  /** SHA-256 of the wrapped key's SubjectPublicKeyInfo in hex; empty for a master key. */
  spkiSha256: string;
}

export const sealing = record({ salt: base64Of(32), commitment: base64Of(32), ciphertext: base64 });
export type Sealing = Shaped<typeof sealing>;

const DOMAIN = 'cluster-ca v1 seal';

/** Length-prefixed concatenation, so that no two different lists give the same octets. */
function lengthPrefixed(...parts: string[]): Uint8Array {
  return concatBytes(
    ...parts.flatMap((part) => {
      const bytes = new TextEncoder().encode(part);
      return [Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes];
    }),
  );
}

function derive(key: Uint8Array, salt: Uint8Array, context: SealContext) {
  const info = lengthPrefixed(DOMAIN, context.type, context.keyId, String(context.epoch));
  const bytes = hkdfSha256(key, salt, info, 32 + 12 + 32);
  return { key: bytes.subarray(0, 32), nonce: bytes.subarray(32, 44), commitment: bytes.subarray(44), all: bytes };
}

function additionalData(context: SealContext): Uint8Array {
  const { keystoreId, type, keyId, epoch, algorithm, spkiSha256 } = context;
  return lengthPrefixed(DOMAIN, keystoreId, type, keyId, String(epoch), algorithm, spkiSha256);
}

/** Wraps a secret under a key of 32 octets: fresh salt, HKDF-SHA-256 to key, nonce and commitment, AES-256-GCM. */
export function seal(key: Uint8Array, context: SealContext, plaintext: Uint8Array, salt = randomBytes(32)): Sealing {
  const derived = derive(key, salt, context);
  const ciphertext = sealAesGcm(derived.key, derived.nonce, plaintext, additionalData(context));
  const out = { salt: toBase64(salt), commitment: toBase64(derived.commitment), ciphertext: toBase64(ciphertext) };
  derived.all.fill(0);
  return out;
}

/**
 * Opens a sealing. The commitment is compared first: AES-GCM alone would let one ciphertext open under two keys.
 * @returns undefined when the key is another one
 * @throws ERR_KEYSTORE_TAMPERED when the key is right and the content is not
 */
export function unseal(key: Uint8Array, context: SealContext, sealed: Sealing, what: string): Uint8Array | undefined {
  const derived = derive(key, fromBase64(sealed.salt), context);
  try {
    if (!equalSecret(derived.commitment, fromBase64(sealed.commitment))) return undefined;
    const plaintext = openAesGcm(derived.key, derived.nonce, fromBase64(sealed.ciphertext), additionalData(context));
    if (plaintext === undefined) throw tampered(`${what} does not open under its own key`);
    return plaintext;
  } finally {
    derived.all.fill(0);
  }
}
