import { publicKeyOf } from '../crypto/private-key-info.ts';
import { toHex } from '../pki/encoding.ts';
import { decodePem } from '../pki/pem.ts';

const FORMATS: Record<string, 'pkcs8' | 'sec1' | 'pkcs1'> = {
  'PRIVATE KEY': 'pkcs8',
  'EC PRIVATE KEY': 'sec1',
  'RSA PRIVATE KEY': 'pkcs1',
};

/** The SubjectPublicKeyInfo, in hex, of the private key in a PEM file; undefined when there is none that can be read. */
export function publicHalf(pem: Uint8Array | undefined): string | undefined {
  if (pem === undefined) return undefined;
  try {
    for (const block of decodePem(pem)) {
      const format = FORMATS[block.label];
      if (format === undefined) continue;
      const spki = publicKeyOf(format, block.bytes);
      block.bytes.fill(0);
      return spki === undefined ? undefined : toHex(spki);
    }
  } catch {
    return undefined;
  }
  return undefined;
}
