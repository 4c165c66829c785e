import { createECDH, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { GeneratedKey } from '../pki/key.ts';
import type { SyncSigner } from '../pki/signer.ts';
import { Slab } from '../pki/slab.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';

/** Makes keys for a batch: synchronous, on node:crypto, because Web Crypto's ways round cost more than the keys. */
export type KeySource = (keyType: KeyType) => GeneratedKey;

/** SubjectPublicKeyInfo and PKCS#8 (RFC 5915 inside RFC 5958) of a P-256 key, up to where its own octets begin. */
const P256_SPKI = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
const P256_PKCS8 = Buffer.from('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420', 'hex');
const P256_POINT = Buffer.from('a144034200', 'hex');

/** A key source of any type; P-256 keys come from one reused ECDH object, which is several times faster. */
export function createKeySource(): KeySource {
  const ecdh = createECDH('prime256v1');
  const slab = new Slab();
  return (keyType) => (keyType === 'ecdsa-p256' ? p256Key(ecdh, slab) : otherKey(keyType));
}

function p256Key(ecdh: ReturnType<typeof createECDH>, slab: Slab): GeneratedKey {
  const point = ecdh.generateKeys();
  const scalar = ecdh.getPrivateKey();
  const spki = slab.take(P256_SPKI.length + 65);
  spki.set(P256_SPKI);
  spki.set(point, P256_SPKI.length);
  const pkcs8 = slab.take(P256_PKCS8.length + 32 + P256_POINT.length + 65);
  pkcs8.set(P256_PKCS8);
  // A scalar comes without its leading zeros, once in 256 times.
  pkcs8.set(scalar, P256_PKCS8.length + 32 - scalar.length);
  pkcs8.set(P256_POINT, P256_PKCS8.length + 32);
  pkcs8.set(point, P256_PKCS8.length + 32 + P256_POINT.length);
  scalar.fill(0);
  return { keyType: 'ecdsa-p256', spki, pkcs8 };
}

function otherKey(keyType: KeyType): GeneratedKey {
  const { publicKey, privateKey } = pairOf(keyType);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  return { keyType, spki, pkcs8 };
}

function pairOf(keyType: KeyType): { publicKey: KeyObject; privateKey: KeyObject } {
  if (keyType === 'ed25519') return generateKeyPairSync('ed25519');
  if (keyType.startsWith('rsa-')) return generateKeyPairSync('rsa', { modulusLength: Number(keyType.slice(4)) });
  return generateKeyPairSync('ec', { namedCurve: keyType === 'ecdsa-p384' ? 'secp384r1' : 'prime256v1' });
}

/** A private key as node:crypto holds it: it can be handed to a worker thread as it is. */
export type BatchKey = KeyObject;

/** A private key for signing a batch. The caller zeroes the PKCS#8 octets. */
export function batchKey(pkcs8: Uint8Array): BatchKey {
  return createPrivateKey({
    key: Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.length),
    format: 'der',
    type: 'pkcs8',
  });
}

/** A signer over it: synchronous, since a batch has nothing to wait for. */
export function batchSigner(keyType: KeyType, key: BatchKey): SyncSigner {
  const hash = keyType === 'ed25519' ? null : keyType === 'ecdsa-p384' ? 'sha384' : 'sha256';
  const signNow = (data: Uint8Array): Uint8Array => sign(hash, data, key);
  return { keyType, signNow, sign: async (data) => signNow(data) };
}

/**
 * The SubjectPublicKeyInfo of a P-256 key in the form that this tool writes, worked out from the private scalar alone:
 * ten times faster than loading the key. Undefined for any other form.
 */
export function p256PublicHalf(pkcs8: Uint8Array): Uint8Array | undefined {
  const length = P256_PKCS8.length + 32 + P256_POINT.length + 65;
  if (pkcs8.length !== length || !P256_PKCS8.every((octet, i) => pkcs8[i] === octet)) return undefined;
  const ecdh = createECDH('prime256v1');
  try {
    ecdh.setPrivateKey(pkcs8.subarray(P256_PKCS8.length, P256_PKCS8.length + 32));
  } catch {
    return undefined;
  }
  const point = ecdh.getPublicKey();
  if (!point.every((octet, i) => pkcs8[length - 65 + i] === octet)) return undefined;
  const spki = new Uint8Array(P256_SPKI.length + 65);
  spki.set(P256_SPKI);
  spki.set(point, P256_SPKI.length);
  return spki;
}
