import { readDer } from '../der/reader.ts';
import { OID } from '../oids.ts';
import type { KeyType } from './algorithm.ts';
import { type PublicKeyInfo, readPublicKeyInfo } from './certificate.ts';

/** Decodes a SubjectPublicKeyInfo. @throws DerError */
export function parsePublicKeyInfo(der: Uint8Array): PublicKeyInfo {
  return readDer(der, readPublicKeyInfo);
}

/** The named curve of an EC key (RFC 5480 §2.1.1), as a dotted identifier; undefined for anything else. */
export function namedCurve(publicKey: PublicKeyInfo): string | undefined {
  const { oid, parameters } = publicKey.algorithm;
  if (oid !== OID.ecPublicKey || parameters?.[0] !== 0x06) return undefined;
  return readDer(parameters, (reader) => reader.oid());
}

/** Bits of the modulus of an RSA key (RFC 8017 A.1.1); undefined for anything else. @throws DerError for a malformed key */
export function rsaModulusBits(publicKey: PublicKeyInfo): number | undefined {
  if (publicKey.algorithm.oid !== OID.rsaEncryption) return undefined;
  const modulus = readDer(publicKey.key, (reader) => {
    const inner = reader.enter();
    const n = inner.integer();
    inner.integer();
    inner.end();
    return n;
  });
  const leading = modulus[0] === 0 ? 1 : 0;
  const first = modulus[leading] ?? 0;
  return (modulus.length - leading) * 8 - (Math.clz32(first) - 24);
}

/** The key type of a public key; undefined when it is none that this CA issues for. */
export function keyTypeOf(publicKey: PublicKeyInfo): KeyType | undefined {
  switch (publicKey.algorithm.oid) {
    case OID.ed25519:
      return 'ed25519';
    case OID.ecPublicKey: {
      const curve = namedCurve(publicKey);
      if (curve === OID.prime256v1) return 'ecdsa-p256';
      return curve === OID.secp384r1 ? 'ecdsa-p384' : undefined;
    }
    case OID.rsaEncryption: {
      const bits = rsaModulusBits(publicKey);
      return bits === 2048 || bits === 3072 || bits === 4096 ? `rsa-${bits}` : undefined;
    }
    default:
      return undefined;
  }
}
