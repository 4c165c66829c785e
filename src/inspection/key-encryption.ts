import { readDer } from '../pki/der/reader.ts';
import { contextTag, TAG } from '../pki/der/tags.ts';
import { type AlgorithmIdentifier, readAlgorithm } from '../pki/x509/algorithm.ts';
import { decimalText } from './serial-text.ts';

/** How a private key is encrypted under a passphrase. */
export interface KeyEncryption {
  /** `aes-256-cbc`, or the object identifier. */
  cipher: string;
  /** `pbkdf2`, `scrypt`, `md5` (OpenSSL's old PEM form), or an object identifier. */
  kdf: string;
  /** PBKDF2's count, or scrypt's N, in decimal. */
  cost?: string;
}

const PBES2 = '1.2.840.113549.1.5.13';

const KDFS: Record<string, string> = {
  '1.2.840.113549.1.5.12': 'pbkdf2',
  '1.3.6.1.4.1.11591.4.11': 'scrypt',
};

const CIPHERS: Record<string, string> = {
  '2.16.840.1.101.3.4.1.2': 'aes-128-cbc',
  '2.16.840.1.101.3.4.1.22': 'aes-192-cbc',
  '2.16.840.1.101.3.4.1.42': 'aes-256-cbc',
  '2.16.840.1.101.3.4.1.6': 'aes-128-gcm',
  '2.16.840.1.101.3.4.1.46': 'aes-256-gcm',
  '1.2.840.113549.3.7': 'des-ede3-cbc',
  '1.2.840.113549.1.5.3': 'pbeWithMD5AndDES-CBC',
  '1.2.840.113549.1.5.10': 'pbeWithSHA1AndDES-CBC',
  '1.2.840.113549.1.12.1.3': 'pbeWithSHAAnd3-KeyTripleDES-CBC',
  '1.2.840.113549.1.12.1.6': 'pbeWithSHAAnd40BitRC2-CBC',
};

/** Reads the scheme of an EncryptedPrivateKeyInfo: PBES2 (RFC 8018 §A.4) in parts, any other by its name. @throws DerError */
export function encryptionOf({ oid, parameters }: AlgorithmIdentifier): KeyEncryption {
  if (oid !== PBES2 || parameters === undefined) return { cipher: CIPHERS[oid] ?? oid, kdf: 'pkcs12' };
  return readDer(parameters, (reader) => {
    const inner = reader.enter();
    const kdf = readAlgorithm(inner);
    const cipher = readAlgorithm(inner);
    inner.end();
    const name = KDFS[kdf.oid] ?? kdf.oid;
    const cost = kdf.parameters === undefined ? undefined : costOf(kdf.parameters);
    return { cipher: CIPHERS[cipher.oid] ?? cipher.oid, kdf: name, ...(cost && { cost }) };
  });
}

/** The scheme of an old encrypted PEM block, from its DEK-Info header (RFC 1421 §4.6.1.3). */
export function pemEncryptionOf(dekInfo: string | undefined): KeyEncryption {
  return { cipher: (dekInfo ?? '').split(',')[0]?.trim().toLowerCase() || 'unknown', kdf: 'md5' };
}

/** The first number behind the salt, in PBKDF2-params (RFC 8018 §A.2) and scrypt-params (RFC 7914 §7) alike. */
function costOf(parameters: Uint8Array): string | undefined {
  return readDer(parameters, (reader) => {
    const inner = reader.enter();
    if (inner.contentOptional(TAG.octetString) === undefined) inner.enterOptional(contextTag(0, true));
    return inner.peek() === TAG.integer ? decimalText(inner.integer()) : undefined;
  });
}
