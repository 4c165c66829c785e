import { p256PublicHalf } from '../crypto/batch-keys.ts';
import { publicKeyOf } from '../crypto/private-key-info.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { decodePem } from '../pki/pem.ts';

const FORMATS: Record<string, 'pkcs8' | 'sec1' | 'pkcs1'> = {
  'PRIVATE KEY': 'pkcs8',
  'EC PRIVATE KEY': 'sec1',
  'RSA PRIVATE KEY': 'pkcs1',
};

/** The last key looked at: the same one is asked for again at once. */
let last: { pem: Uint8Array; half: string | undefined } | undefined;

/** The SubjectPublicKeyInfo, in hex, of the private key in a PEM file; undefined when there is none that can be read. */
export function publicHalf(pem: Uint8Array | undefined): string | undefined {
  if (pem === undefined) return undefined;
  if (last !== undefined && equalBytes(last.pem, pem)) return last.half;
  const half = readPublicHalf(pem);
  last = { pem, half };
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
