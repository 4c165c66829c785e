import { p256PublicHalf } from '../crypto/batch-keys.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { publicKeyOf } from '../crypto/private-key-info.ts';
import { toHex } from '../pki/encoding.ts';
import { decodePem } from '../pki/pem.ts';

const FORMATS: Record<string, 'pkcs8' | 'sec1' | 'pkcs1'> = {
  'PRIVATE KEY': 'pkcs8',
  'EC PRIVATE KEY': 'sec1',
  'RSA PRIVATE KEY': 'pkcs1',
};

/** The last file looked at, by its hash: the same one is asked for again at once, and its buffer may be zeroed by then. */
let last: { sha256: string; half: string | undefined } | undefined;

/** The SubjectPublicKeyInfo, in hex, of the private key in a PEM file; undefined when there is none that can be read. */
export function publicHalf(pem: Uint8Array | undefined): string | undefined {
  if (pem === undefined) return undefined;
  const sha256 = sha256Hex(pem);
  if (last?.sha256 === sha256) return last.half;
  const half = readPublicHalf(pem);
  last = { sha256, half };
  return half;
}

function readPublicHalf(pem: Uint8Array): string | undefined {
  try {
    for (const block of decodePem(pem)) {
      const format = FORMATS[block.label];
      if (format === undefined) continue;
      const spki = (format === 'pkcs8' ? p256PublicHalf(block.bytes) : undefined) ?? publicKeyOf(format, block.bytes);
      block.bytes.fill(0);
      return spki === undefined ? undefined : toHex(spki);
    }
  } catch {
    return undefined;
  }
  return undefined;
}
