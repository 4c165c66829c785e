import { type DerReader, readDer } from '../der/reader.ts';
import { contextTag } from '../der/tags.ts';
import { OID } from '../oids.ts';
import type { AlgorithmIdentifier } from '../x509/algorithm.ts';
import type { PublicKeyInfo } from '../x509/certificate.ts';
import { type Curve, hasY, isPoint, P256, P384, P521 } from './curve.ts';

/** What `--insecure-allow-…` names. */
export type Insecure = 'sha1' | 'md5' | 'small-rsa';

export type HashName = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** A signature algorithm that can be checked; `key` is the type of key it needs. */
export interface SignatureScheme {
  key: 'rsa' | 'ec' | 'ed25519';
  /** Undefined for Ed25519, which has its own. */
  hash: HashName | undefined;
  /** RSASSA-PSS salt length in octets; undefined for every other scheme. */
  saltLength?: number;
}

const MD5_WITH_RSA = '1.2.840.113549.1.1.4';
const SHA1_WITH_RSA = '1.2.840.113549.1.1.5';
const ECDSA_WITH_SHA1 = '1.2.840.10045.4.1';
const MGF1 = '1.2.840.113549.1.1.8';

const RSA: ReadonlyMap<string, HashName> = new Map<string, HashName>([
  [MD5_WITH_RSA, 'md5'],
  [SHA1_WITH_RSA, 'sha1'],
  [OID.sha256WithRSAEncryption, 'sha256'],
  [OID.sha384WithRSAEncryption, 'sha384'],
  [OID.sha512WithRSAEncryption, 'sha512'],
]);
const ECDSA: ReadonlyMap<string, HashName> = new Map<string, HashName>([
  [ECDSA_WITH_SHA1, 'sha1'],
  [OID.ecdsaWithSHA256, 'sha256'],
  [OID.ecdsaWithSHA384, 'sha384'],
  [OID.ecdsaWithSHA512, 'sha512'],
]);
const HASHES: ReadonlyMap<string, HashName> = new Map<string, HashName>([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

/** Reads a signature algorithm with its parameters; undefined for one that is not supported or malformed. */
export function signatureScheme(algorithm: AlgorithmIdentifier): SignatureScheme | undefined {
  const rsa = RSA.get(algorithm.oid);
  if (rsa !== undefined) return isNullOrAbsent(algorithm.parameters) ? { key: 'rsa', hash: rsa } : undefined;
  const ecdsa = ECDSA.get(algorithm.oid);
  if (ecdsa !== undefined) return algorithm.parameters === undefined ? { key: 'ec', hash: ecdsa } : undefined;
  if (algorithm.oid === OID.ed25519)
    return algorithm.parameters === undefined ? { key: 'ed25519', hash: undefined } : undefined;
  if (algorithm.oid === OID.rsassaPss) return pssScheme(algorithm.parameters);
  return undefined;
}

/** The weakness that has to be allowed by name for this scheme to be accepted (RFC 6151, RFC 9155). */
export function schemeWeakness(scheme: SignatureScheme): Insecure | undefined {
  return scheme.hash === 'sha1' || scheme.hash === 'md5' ? scheme.hash : undefined;
}

/** RSASSA-PSS-params (RFC 4055 §3.1): the same hash in the mask generation function; every default is SHA-1's. */
function pssScheme(parameters: Uint8Array | undefined): SignatureScheme | undefined {
  if (parameters === undefined) return undefined;
  try {
    return readDer(parameters, (reader) => {
      const inner = reader.enter();
      const hash = readHash(inner.enterOptional(contextTag(0, true)));
      const mask = readMask(inner.enterOptional(contextTag(1, true)));
      const salt = inner.enterOptional(contextTag(2, true));
      const saltLength = salt === undefined ? 20 : salt.smallInteger();
      salt?.end();
      const trailer = inner.enterOptional(contextTag(3, true));
      const trailerField = trailer === undefined ? 1 : trailer.smallInteger();
      trailer?.end();
      inner.end();
      return hash !== undefined && hash === mask && trailerField === 1 && saltLength <= 512
        ? { key: 'rsa', hash, saltLength }
        : undefined;
    });
  } catch {
    return undefined;
  }
}

function readHash(explicit: DerReader | undefined): HashName | undefined {
  if (explicit === undefined) return 'sha1';
  const algorithm = explicit.enter();
  explicit.end();
  const hash = HASHES.get(algorithm.oid());
  if (!algorithm.done) algorithm.null();
  algorithm.end();
  return hash;
}

function readMask(explicit: DerReader | undefined): HashName | undefined {
  if (explicit === undefined) return 'sha1';
  const algorithm = explicit.enter();
  explicit.end();
  if (algorithm.oid() !== MGF1) return undefined;
  return readHash(algorithm);
}

function isNullOrAbsent(parameters: Uint8Array | undefined): boolean {
  return parameters === undefined || (parameters.length === 2 && parameters[0] === 0x05 && parameters[1] === 0);
}

/** A public key as far as policy looks at it. */
export type KeyShape = { type: 'rsa'; bits: number } | { type: 'ec'; curve: string } | { type: 'ed25519' };

const CURVES: ReadonlyMap<string, Curve> = new Map([
  [OID.prime256v1, P256],
  [OID.secp384r1, P384],
  [OID.secp521r1, P521],
]);

/** Keys that make signatures, of the types that are known here: nobody's may be malformed, whatever it is used for. */
const SIGNING: ReadonlySet<string> = new Set([
  OID.rsaEncryption,
  OID.rsassaPss,
  OID.ecPublicKey,
  OID.ed25519,
  OID.ed448,
  OID.dsa,
]);

/** Whether keys of this type make signatures; what else there is (X25519, types to come) is not looked into. */
export function isSigningKey({ algorithm }: PublicKeyInfo): boolean {
  return SIGNING.has(algorithm.oid);
}

/** Reads a key's type and size; undefined for a type or curve that is not supported, and for a malformed key. */
export function keyShape(publicKey: PublicKeyInfo): KeyShape | undefined {
  const { algorithm, key } = publicKey;
  try {
    switch (algorithm.oid) {
      case OID.rsaEncryption:
      case OID.rsassaPss:
        return rsaShape(key);
      case OID.ecPublicKey: {
        const curve = namedCurve(algorithm);
        return curve !== undefined && isPoint(curve, key) ? { type: 'ec', curve: curve.name } : undefined;
      }
      case OID.ed25519:
        return algorithm.parameters === undefined && key.length === 32 ? { type: 'ed25519' } : undefined;
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** The curve by its name, the only form there is (RFC 5480 §2.1.1). @throws DerError */
function namedCurve({ parameters }: AlgorithmIdentifier): Curve | undefined {
  return parameters === undefined ? undefined : CURVES.get(readDer(parameters, (reader) => reader.oid()));
}

/** Whether the compressed point of a key of a known shape has a y. It takes long: for few keys only. */
export function pointHasY({ algorithm, key }: PublicKeyInfo): boolean {
  const curve = algorithm.oid === OID.ecPublicKey ? namedCurve(algorithm) : undefined;
  return curve === undefined || hasY(curve, key);
}

/** The size of an RSA key in bits, however unfit its exponent is; undefined for what is no RSAPublicKey. */
export function rsaBits({ algorithm, key }: PublicKeyInfo): number | undefined {
  if (algorithm.oid !== OID.rsaEncryption && algorithm.oid !== OID.rsassaPss) return undefined;
  try {
    return bitsOf(readRsa(key).modulus);
  } catch {
    return undefined;
  }
}

/** RSAPublicKey (RFC 8017 §3.1, A.1.1): a positive modulus, an odd exponent above 1. @throws DerError */
function rsaShape(key: Uint8Array): KeyShape | undefined {
  const { modulus, exponent } = readRsa(key);
  const last = exponent[exponent.length - 1] as number;
  if ((exponent[0] as number) >= 0x80 || last % 2 === 0 || (exponent.length === 1 && last === 1)) return undefined;
  const bits = bitsOf(modulus);
  return bits === undefined ? undefined : { type: 'rsa', bits };
}

function readRsa(key: Uint8Array): { modulus: Uint8Array; exponent: Uint8Array } {
  return readDer(key, (reader) => {
    const inner = reader.enter();
    const modulus = inner.integer();
    const exponent = inner.integer();
    inner.end();
    return { modulus, exponent };
  });
}

/** Undefined when it is not positive. */
function bitsOf(modulus: Uint8Array): number | undefined {
  const first = modulus[0] === 0 ? modulus.subarray(1) : modulus;
  if ((modulus[0] as number) >= 0x80 || first.length === 0) return undefined;
  return first.length * 8 - Math.clz32(first[0] as number) + 24;
}
