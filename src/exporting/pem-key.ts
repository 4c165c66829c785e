import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toPkcs8 } from '../crypto/pkcs12.ts';
import { publicKeyOf } from '../crypto/private-key-info.ts';
import { ClusterCaError } from '../errors.ts';
import { errno, storageError } from '../keystore/directory/errors.ts';
import { toHex } from '../pki/encoding.ts';
import { FILES, holderDirectory } from '../placement/place.ts';

const FORMATS = { 'PRIVATE KEY': 'pkcs8', 'EC PRIVATE KEY': 'sec1', 'RSA PRIVATE KEY': 'pkcs1' } as const;
const MOST = 64 * 1024;

/** A private key as it stands in its file, and in PKCS#8. Both are the caller's to zero. */
export interface PemKey {
  path: string;
  pem: Uint8Array;
  pkcs8: Uint8Array;
}

/**
 * Reads the key of a holder below an `--out` directory. Nothing of it becomes a string: strings cannot be zeroed.
 * @param publicKey the SubjectPublicKeyInfo, in hex, of the certificate that it must belong to
 * @throws ERR_NOT_FOUND; ERR_CONFIG when the file holds no key that can be read; ERR_STATE when it is another one's
 */
export function readPemKey(
  from: string,
  holder: { kind: string; name: string; plane: string },
  publicKey: string,
): PemKey {
  const path = join(holderDirectory(from, holder), FILES.key);
  const pem = readKeyPem(path);
  try {
    const block = findBlock(pem);
    if (block === undefined) throw notAKey(path);
    const { format, der } = block;
    try {
      const spki = publicKeyOf(format, der);
      const pkcs8 = toPkcs8(format, der);
      if (spki === undefined || pkcs8 === undefined) throw notAKey(path);
      if (toHex(spki) !== publicKey) {
        pkcs8.fill(0);
        throw new ClusterCaError('ERR_STATE', `the key ${path} is not that of the current certificate`, {
          hint: `name the directory that issue or rotate wrote last with --from DIR, or: cluster-ca rotate ${holder.name}`,
        });
      }
      return { path, pem, pkcs8 };
    } finally {
      der.fill(0);
    }
  } catch (error) {
    pem.fill(0);
    throw error;
  }
}

function readKeyPem(path: string): Uint8Array {
  try {
    const bytes = readFileSync(path);
    if (bytes.length <= MOST) return bytes;
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR')
      throw new ClusterCaError('ERR_NOT_FOUND', `there is no key ${path}`, {
        hint: 'name the --out directory that issue or rotate wrote with --from DIR; keys are not in the keystore',
      });
    throw storageError(error, 'read', path);
  }
  throw notAKey(path);
}

/** The first block that is a private key, found and decoded among the octets themselves. */
function findBlock(pem: Uint8Array) {
  const buffer = Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength);
  for (const [label, format] of Object.entries(FORMATS)) {
    const begin = `-----BEGIN ${label}-----`;
    const from = buffer.indexOf(begin);
    const to = buffer.indexOf(`-----END ${label}-----`);
    if (from < 0 || to < from) continue;
    const der = decodeBase64Octets(pem.subarray(from + begin.length, to));
    return der && { format, der };
  }
  return undefined;
}

/** Base64 with white space, from octets to octets; undefined for anything else. */
export function decodeBase64Octets(text: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let held = 0;
  let bits = 0;
  let length = 0;
  let padding = 0;
  for (const octet of text) {
    if (octet === 0x0a || octet === 0x0d || octet === 0x20 || octet === 0x09) continue;
    if (octet === 0x3d) {
      padding++;
      continue;
    }
    const digit = digitOf(octet);
    if (digit < 0 || padding > 0) return undefined;
    held = ((held << 6) | digit) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[length++] = held >> bits;
    }
  }
  const der = out.slice(0, length);
  out.fill(0);
  return der;
}

/** Base64 with padding, in one line, as octets. */
export function encodeBase64Octets(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 * Math.ceil(bytes.length / 3)).fill(0x3d);
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    const left = bytes.length - from;
    const group = ((bytes[from] as number) << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
    out[to] = SYMBOLS[group >> 18] as number;
    out[to + 1] = SYMBOLS[(group >> 12) & 63] as number;
    if (left > 1) out[to + 2] = SYMBOLS[(group >> 6) & 63] as number;
    if (left > 2) out[to + 3] = SYMBOLS[group & 63] as number;
  }
  return out;
}

const SYMBOLS = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

function digitOf(octet: number): number {
  return SYMBOLS.indexOf(octet);
}

function notAKey(path: string): ClusterCaError {
  return new ClusterCaError('ERR_CONFIG', `${path} holds no private key that can be read`, {
    hint: 'a key in PEM without a passphrase, as issue writes it',
  });
}
