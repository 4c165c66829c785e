import { decryptCbc, hmacMatches, pbkdf2Key, pkcs12Key } from '../crypto/pkcs12-open.ts';
import { ClusterCaError } from '../errors.ts';
import { type Bag, type Mac, type Pkcs12, readBags } from '../inspection/pkcs12.ts';
import { DerReader, readDer } from '../pki/der/reader.ts';
import { TAG } from '../pki/der/tags.ts';
import { type AlgorithmIdentifier, readAlgorithm } from '../pki/x509/algorithm.ts';

const PBES2 = '1.2.840.113549.1.5.13';
const PBMAC1 = '1.2.840.113549.1.5.14';
const PBE_3DES = '1.2.840.113549.1.12.1.3';
const HASHES: Record<string, string> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const HMACS: Record<string, string> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};
const CIPHERS: Record<string, { name: string; key: number }> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', key: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', key: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', key: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', key: 24 },
};

/** What the password opened, and what could not be opened here. */
export interface OpenedPkcs12 {
  bags: Bag[];
  /** Algorithms that are not supported here, such as RC2. */
  closed: string[];
}

/**
 * Opens a PKCS#12 file: the MAC first, then each part and key. Private keys are in `bags` as PKCS#8: zero them.
 * @param password UTF-8
 * @throws ERR_PASSPHRASE when the MAC, or without one nothing, agrees with the password
 */
export function openPkcs12({ mac, content, parts }: Pkcs12, password: Uint8Array, source: string): OpenedPkcs12 {
  const macKey = mac === undefined ? undefined : macKeyOf(mac, password);
  if (mac !== undefined && macKey !== undefined && !hmacMatches(macKey.hash, macKey.key, content, mac.digest))
    throw wrongPassword(source);
  const closed: string[] = [];
  const bags: Bag[] = [];
  const open = (algorithm: AlgorithmIdentifier | undefined, ciphertext: Uint8Array): Uint8Array | undefined => {
    const key = algorithm === undefined ? undefined : keyOf(algorithm, password);
    if (key === undefined) {
      closed.push(algorithm?.oid ?? 'public-key encryption');
      return undefined;
    }
    const plain = decryptCbc(key.cipher, key.key, key.iv, ciphertext);
    key.key.fill(0);
    // One key in 256 leaves a padding that fits: where no MAC has agreed with it, what comes out must be DER.
    if (plain === undefined || (macKey === undefined && !isSequence(plain))) {
      plain?.fill(0);
      throw wrongPassword(source);
    }
    return plain;
  };
  for (const part of parts) {
    const plain = part.encrypted ? open(part.algorithm, part.ciphertext) : undefined;
    if (part.encrypted && plain === undefined) continue;
    for (const bag of part.encrypted ? readBags(plain as Uint8Array) : part.bags) {
      if (bag.type !== 'encrypted-key') bags.push(bag);
      else {
        const shroud = new DerReader(bag.value).enter();
        const key = open(readAlgorithm(shroud), shroud.content(TAG.octetString));
        bags.push(key === undefined ? bag : { ...bag, type: 'key', value: key });
      }
    }
  }
  return { bags, closed };
}

/** What is encrypted is SafeContents or a PrivateKeyInfo: a sequence, and nothing behind it. */
function isSequence(plain: Uint8Array): boolean {
  try {
    return readDer(plain, (reader) => reader.enter()) !== undefined;
  } catch {
    return false;
  }
}

function macKeyOf(
  { algorithm, salt, iterations }: Mac,
  password: Uint8Array,
): { hash: string; key: Uint8Array } | undefined {
  if (algorithm.oid === PBMAC1 && algorithm.parameters !== undefined)
    return readDer(algorithm.parameters, (reader) => {
      const inner = reader.enter();
      const kdf = readAlgorithm(inner);
      const hash = HMACS[readAlgorithm(inner).oid];
      const key = hash === undefined ? undefined : pbkdf2Of(kdf, password, 32);
      return hash === undefined || key === undefined ? undefined : { hash, key };
    });
  const hash = HASHES[algorithm.oid];
  const size = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 }[hash ?? ''];
  const key =
    hash === undefined || size === undefined ? undefined : pkcs12Key(hash, 3, password, salt, iterations, size);
  return hash === undefined || key === undefined ? undefined : { hash, key };
}

interface CipherKey {
  cipher: string;
  key: Uint8Array;
  iv: Uint8Array;
}

/** Undefined for a scheme that is not supported here. */
function keyOf({ oid, parameters }: AlgorithmIdentifier, password: Uint8Array): CipherKey | undefined {
  if (parameters === undefined) return undefined;
  return readDer(parameters, (reader) => {
    const inner = reader.enter();
    if (oid === PBE_3DES) {
      const salt = inner.content(TAG.octetString);
      const rounds = inner.cappedInteger();
      const key = pkcs12Key('sha1', 1, password, salt, rounds, 24);
      const iv = pkcs12Key('sha1', 2, password, salt, rounds, 8);
      return key === undefined || iv === undefined ? undefined : { cipher: 'des-ede3-cbc', key, iv };
    }
    if (oid !== PBES2) return undefined;
    const kdf = readAlgorithm(inner);
    const scheme = readAlgorithm(inner);
    const cipher = CIPHERS[scheme.oid];
    const key = cipher === undefined ? undefined : pbkdf2Of(kdf, password, cipher.key);
    if (cipher === undefined || key === undefined || scheme.parameters === undefined) return undefined;
    return { cipher: cipher.name, key, iv: readDer(scheme.parameters, (own) => own.content(TAG.octetString)) };
  });
}

/** PBKDF2-params (RFC 8018 §A.2): salt, rounds, perhaps the length, perhaps the function (HMAC-SHA-1 by default). */
function pbkdf2Of(
  { oid, parameters }: AlgorithmIdentifier,
  password: Uint8Array,
  length: number,
): Uint8Array | undefined {
  if (oid !== '1.2.840.113549.1.5.12' || parameters === undefined) return undefined;
  return readDer(parameters, (reader) => {
    const inner = reader.enter();
    const salt = inner.content(TAG.octetString);
    const rounds = inner.cappedInteger();
    if (inner.peek() === TAG.integer) inner.integer();
    const hash = inner.done ? 'sha1' : HMACS[readAlgorithm(inner).oid];
    return hash === undefined ? undefined : pbkdf2Key(hash, password, salt, rounds, length);
  });
}

function wrongPassword(source: string): ClusterCaError {
  return new ClusterCaError('ERR_PASSPHRASE', `the password does not open ${source}`, {
    hint: 'inspect it without a password to see how it is protected',
  });
}
