import { DerError } from './der/error.ts';
import { DerReader, readDer } from './der/reader.ts';
import { TAG } from './der/tags.ts';
import { sequence, unsignedInteger } from './der/writer.ts';
import { OID } from './oids.ts';
import type { Signer } from './signer.ts';
import { type KeyType, readAlgorithm } from './x509/algorithm.ts';

interface KeyAlgorithm {
  generate: Algorithm | EcKeyGenParams | RsaHashedKeyGenParams;
  sign: Algorithm | EcdsaParams;
  /** Octets of r and of s, for ECDSA. */
  scalar?: number;
}

const PUBLIC_EXPONENT = Uint8Array.of(1, 0, 1);

function ecdsa(namedCurve: string, hash: string, scalar: number): KeyAlgorithm {
  return { generate: { name: 'ECDSA', namedCurve }, sign: { name: 'ECDSA', hash }, scalar };
}

function rsa(modulusLength: number): KeyAlgorithm {
  const name = 'RSASSA-PKCS1-v1_5';
  return { generate: { name, hash: 'SHA-256', modulusLength, publicExponent: PUBLIC_EXPONENT }, sign: { name } };
}

const ALGORITHMS: Record<KeyType, KeyAlgorithm> = {
  'ecdsa-p256': ecdsa('P-256', 'SHA-256', 32),
  'ecdsa-p384': ecdsa('P-384', 'SHA-384', 48),
  'rsa-2048': rsa(2048),
  'rsa-3072': rsa(3072),
  'rsa-4096': rsa(4096),
  ed25519: { generate: { name: 'Ed25519' }, sign: { name: 'Ed25519' } },
};

/** A private key with its public half, both encoded; the caller zeroes `pkcs8` when done with it. */
export interface GeneratedKey {
  keyType: KeyType;
  pkcs8: Uint8Array;
  spki: Uint8Array;
}

/** Makes a key pair whose private half is never exported, where `more` says (a token). */
export async function generateKeyHandles(crypto: Crypto, keyType: KeyType, more: object): Promise<CryptoKeyPair> {
  const algorithm = { ...(ALGORITHMS[keyType].generate as object), ...more } as EcKeyGenParams;
  return (await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])) as CryptoKeyPair;
}

/** Makes a key pair of this type and exports both halves (PKCS#8, RFC 5958; SubjectPublicKeyInfo, RFC 5280 §4.1.2.7). */
export async function generateKey(crypto: Crypto, keyType: KeyType): Promise<GeneratedKey> {
  const pair = (await crypto.subtle.generateKey(ALGORITHMS[keyType].generate, true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair;
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey));
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
  return { keyType, pkcs8, spki };
}

/** A signer over a PKCS#8 key, imported as a non-extractable handle. @throws when the key is not of that type */
export async function importSigner(crypto: Crypto, keyType: KeyType, pkcs8: Uint8Array): Promise<Signer> {
  const { generate, sign, scalar } = ALGORITHMS[keyType];
  checkAlgorithm(keyType, pkcs8);
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, generate, false, ['sign']);
  return {
    keyType,
    async sign(data) {
      const signature = new Uint8Array(await crypto.subtle.sign(sign, key, data));
      return scalar === undefined ? signature : ecdsaSignatureValue(signature, scalar);
    },
  };
}

/** Not every `Crypto` looks at what it imports: an EC key would become one that signs by Ed25519's name. */
function checkAlgorithm(keyType: KeyType, pkcs8: Uint8Array): void {
  const info = new DerReader(pkcs8).enter();
  info.smallInteger();
  const { oid, parameters } = readAlgorithm(info);
  const curve = parameters?.[0] === TAG.oid ? readDer(parameters, (reader) => reader.oid()) : undefined;
  const expected: Record<string, boolean> = {
    'ecdsa-p256': oid === OID.ecPublicKey && curve === OID.prime256v1,
    'ecdsa-p384': oid === OID.ecPublicKey && curve === OID.secp384r1,
    ed25519: oid === OID.ed25519,
  };
  if (!(expected[keyType] ?? oid === OID.rsaEncryption))
    throw new DerError(`the private key is not of type ${keyType}`);
}

/** Ecdsa-Sig-Value (RFC 5480 appendix A) from the fixed-width r and s that Web Crypto gives. */
export function ecdsaSignatureValue(raw: Uint8Array, scalar: number): Uint8Array {
  return sequence(unsignedInteger(raw.subarray(0, scalar)), unsignedInteger(raw.subarray(scalar)));
}
