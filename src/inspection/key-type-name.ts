import { DerReader } from '../pki/der/reader.ts';
import { OID } from '../pki/oids.ts';
import type { AlgorithmIdentifier } from '../pki/x509/algorithm.ts';
import type { PublicKeyInfo } from '../pki/x509/certificate.ts';

const CURVES: Record<string, string> = {
  [OID.prime256v1]: 'p256',
  [OID.secp384r1]: 'p384',
  [OID.secp521r1]: 'p521',
  '1.3.132.0.10': 'secp256k1',
  '1.3.132.0.33': 'p224',
  '1.2.840.10045.3.1.1': 'p192',
  '1.3.36.3.3.2.8.1.1.7': 'brainpoolp256r1',
  '1.3.36.3.3.2.8.1.1.11': 'brainpoolp384r1',
  '1.3.36.3.3.2.8.1.1.13': 'brainpoolp512r1',
};

/** Key algorithms whose name says everything. */
const FIXED: Record<string, string> = {
  [OID.ed25519]: 'ed25519',
  '1.3.101.113': 'ed448',
  '1.3.101.110': 'x25519',
  '1.3.101.111': 'x448',
  '1.2.840.10040.4.1': 'dsa',
  '2.16.840.1.101.3.4.3.17': 'ml-dsa-44',
  '2.16.840.1.101.3.4.3.18': 'ml-dsa-65',
  '2.16.840.1.101.3.4.3.19': 'ml-dsa-87',
};

/**
 * The type of a public key as cli.md spells it: `ecdsa-p256`, `rsa-3072`, `ed25519`. What cli.md does not know is
 * named alike (`rsa-1024`, `ecdsa-p521`, `rsa-pss-2048`), and an unknown algorithm by its object identifier.
 */
export function keyTypeName(publicKey: PublicKeyInfo): string {
  return keyTypeNameFor(publicKey.algorithm, () => rsaModulusBits(publicKey.key));
}

/** The same from an algorithm, with the size of an RSA modulus from elsewhere: a private key says both. */
export function keyTypeNameFor(algorithm: AlgorithmIdentifier, modulusBits: () => number | undefined): string {
  switch (algorithm.oid) {
    case OID.rsaEncryption:
      return sized('rsa', modulusBits());
    case OID.rsassaPss:
      return sized('rsa-pss', modulusBits());
    case OID.ecPublicKey:
      return curveKeyTypeName(algorithm.parameters);
    default:
      return FIXED[algorithm.oid] ?? algorithm.oid;
  }
}

/** `ecdsa-<curve>` from the DER of ECParameters; just `ecdsa` for explicit or malformed ones. */
export function curveKeyTypeName(parameters: Uint8Array | undefined): string {
  const curve = parameters === undefined ? undefined : attempt(() => new DerReader(parameters).oid());
  return curve === undefined ? 'ecdsa' : `ecdsa-${CURVES[curve] ?? curve}`;
}

/** Bits of the first INTEGER of an RSAPublicKey (RFC 8017 §A.1.1); undefined when it is not one. */
export function rsaModulusBits(key: Uint8Array): number | undefined {
  return attempt(() => integerBits(new DerReader(key).enter().integer()));
}

/** Bits of a non-negative INTEGER's content octets. */
export function integerBits(content: Uint8Array): number | undefined {
  const start = content.findIndex((octet) => octet !== 0);
  if (start < 0 || (content[0] as number) >= 0x80) return undefined;
  return (content.length - start) * 8 - (Math.clz32(content[start] as number) - 24);
}

function sized(name: string, bits: number | undefined): string {
  return bits === undefined ? name : `${name}-${bits}`;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
