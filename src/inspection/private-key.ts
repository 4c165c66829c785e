import { DerReader, readDer } from '../pki/der/reader.ts';
import { contextTag, TAG } from '../pki/der/tags.ts';
import { type AlgorithmIdentifier, readAlgorithm } from '../pki/x509/algorithm.ts';
import { encryptionOf, type KeyEncryption } from './key-encryption.ts';
import { curveKeyTypeName, integerBits, keyTypeNameFor } from './key-type-name.ts';

/** How an unencrypted private key is encoded: RFC 5958, RFC 5915, RFC 8017 §A.1.2. */
export type PrivateKeyFormat = 'pkcs8' | 'sec1' | 'pkcs1';

/** What the encoding of a private key tells without the key itself. */
export type PrivateKeyOutline =
  | { format: PrivateKeyFormat; keyType: string; der: Uint8Array }
  | { format: 'pkcs8-encrypted' | 'pem-encrypted'; keyType?: string; encryption: KeyEncryption };

/** Reads the outline of a private key in any of the formats. @throws DerError, which never quotes the key */
export function readPrivateKey(der: Uint8Array): PrivateKeyOutline {
  const inner = new DerReader(der).enter();
  if (inner.peek() === TAG.sequence) return readEncrypted(der);
  inner.smallInteger();
  if (inner.peek() === TAG.octetString) return readSec1(der);
  return inner.peek() === TAG.sequence ? readPkcs8(der) : readPkcs1(der);
}

/** True when the value has the outline of one of the formats. */
export function looksLikePrivateKey(der: Uint8Array): boolean {
  try {
    readPrivateKey(der);
    return true;
  } catch {
    return false;
  }
}

/** EncryptedPrivateKeyInfo (RFC 5958 §3). */
function readEncrypted(der: Uint8Array): PrivateKeyOutline {
  return readDer(der, (reader) => {
    const inner = reader.enter();
    const algorithm = readAlgorithm(inner);
    inner.content(TAG.octetString);
    inner.end();
    return { format: 'pkcs8-encrypted', encryption: encryptionOf(algorithm) };
  });
}

/** OneAsymmetricKey (RFC 5958 §2). */
function readPkcs8(der: Uint8Array): PrivateKeyOutline {
  return readDer(der, (reader) => {
    const inner = reader.enter();
    inner.smallInteger();
    const algorithm = readAlgorithm(inner);
    const key = inner.content(TAG.octetString);
    while (!inner.done) inner.raw();
    return { format: 'pkcs8', keyType: pkcs8KeyType(algorithm, key), der };
  });
}

function pkcs8KeyType(algorithm: AlgorithmIdentifier, key: Uint8Array): string {
  return keyTypeNameFor(algorithm, () => {
    try {
      return pkcs1Bits(key);
    } catch {
      return undefined;
    }
  });
}

/** ECPrivateKey (RFC 5915 §3); the curve may be left out. */
function readSec1(der: Uint8Array): PrivateKeyOutline {
  return readDer(der, (reader) => {
    const inner = reader.enter();
    inner.smallInteger();
    inner.content(TAG.octetString);
    const parameters = inner.contentOptional(contextTag(0, true));
    inner.contentOptional(contextTag(1, true));
    inner.end();
    return { format: 'sec1', keyType: curveKeyTypeName(parameters), der };
  });
}

function readPkcs1(der: Uint8Array): PrivateKeyOutline {
  const bits = pkcs1Bits(der);
  return { format: 'pkcs1', keyType: bits === undefined ? 'rsa' : `rsa-${bits}`, der };
}

/** Bits of the modulus of an RSAPrivateKey: nine numbers, the first the version. */
function pkcs1Bits(der: Uint8Array): number | undefined {
  return readDer(der, (reader) => {
    const inner = reader.enter();
    inner.smallInteger();
    const modulus = inner.integer();
    for (let i = 0; i < 7; i++) inner.integer();
    if (!inner.done) inner.raw(TAG.sequence);
    inner.end();
    return integerBits(modulus);
  });
}
