import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { type SignatureScheme, signatureScheme } from '../pki/path/algorithms.ts';
import type { VerifySignature } from '../pki/signature.ts';
import type { PublicKeyInfo } from '../pki/x509/certificate.ts';

/** Importing a key costs more than using it; a fleet has few issuers. */
const KEPT_KEYS = 256;

/** A `VerifySignature` on node:crypto that keeps the keys used last, found by the bytes of their SubjectPublicKeyInfo. */
export function createVerifySignature(kept: number = KEPT_KEYS): VerifySignature {
  const keys = new Map<string, KeyObject | undefined>();
  const recent = new WeakMap<PublicKeyInfo, KeyObject>();
  const keyOf = (info: PublicKeyInfo): KeyObject | undefined => {
    const same = recent.get(info);
    if (same !== undefined) return same;
    const id = String.fromCharCode(...info.der);
    const known = keys.get(id);
    const key = known ?? importKey(info.der);
    keys.delete(id);
    keys.set(id, key);
    if (keys.size > kept) keys.delete(keys.keys().next().value as string);
    if (key !== undefined) recent.set(info, key);
    return key;
  };
  return (publicKey, algorithm, data, signature) => {
    const scheme = signatureScheme(algorithm);
    const key = scheme === undefined ? undefined : keyOf(publicKey);
    if (scheme === undefined || key === undefined || !keyFits(key, scheme)) return false;
    try {
      return verify(scheme.hash, data, keyOptions(key, scheme), signature);
    } catch {
      return false;
    }
  };
}

/** A SubjectPublicKeyInfo of a P-256 key with an uncompressed point, up to the point's coordinates (RFC 5480 §2). */
const P256 = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');

function importKey(der: Uint8Array): KeyObject | undefined {
  try {
    const bytes = Buffer.from(der.buffer, der.byteOffset, der.length);
    // OpenSSL's decoder tries one format after the other; coordinates are checked just the same, in half the time.
    if (der.length === P256.length + 64 && bytes.subarray(0, P256.length).equals(P256)) {
      const [x, y] = [0, 32].map((at) => bytes.subarray(P256.length + at, P256.length + at + 32).toString('base64url'));
      return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x as string, y: y as string }, format: 'jwk' });
    }
    return createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

/** An RSASSA-PSS key (RFC 4055 §1.2) may make PSS signatures only. */
function keyFits(key: KeyObject, scheme: SignatureScheme): boolean {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return scheme.key === 'rsa';
    case 'rsa-pss':
      return scheme.saltLength !== undefined;
    case 'ec':
      return scheme.key === 'ec';
    case 'ed25519':
      return scheme.key === 'ed25519';
    default:
      return false;
  }
}

function keyOptions(key: KeyObject, scheme: SignatureScheme): Parameters<typeof verify>[2] {
  if (scheme.key === 'ec') return { key, dsaEncoding: 'der' };
  if (scheme.saltLength === undefined) return key;
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: scheme.saltLength };
}
