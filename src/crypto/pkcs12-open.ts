import { createDecipheriv, createHash, createHmac, hash as oneHash, pbkdf2Sync, timingSafeEqual } from 'node:crypto';

/** Hashes that a PKCS#12 file may use, with their block (v) and output (u) in octets (RFC 7292, appendix B). */
const HASHES: Record<string, { block: number; size: number }> = {
  sha1: { block: 64, size: 20 },
  sha224: { block: 64, size: 28 },
  sha256: { block: 64, size: 32 },
  sha384: { block: 128, size: 48 },
  sha512: { block: 128, size: 64 },
};

/** More rounds than this are an attack on whoever opens the file. */
export const MOST_ROUNDS = 2_000_000;

/**
 * The key derivation of PKCS#12 itself (RFC 7292, appendix B.2).
 * @param id 1 for a key, 2 for an IV, 3 for a MAC
 * @param password UTF-8
 */
export function pkcs12Key(
  hash: string,
  id: 1 | 2 | 3,
  password: Uint8Array,
  salt: Uint8Array,
  rounds: number,
  length: number,
): Uint8Array | undefined {
  const shape = HASHES[hash];
  if (shape === undefined || rounds > MOST_ROUNDS) return undefined;
  const { block, size } = shape;
  const wide = utf16(password);
  const input = Buffer.concat([repeated(salt, block), repeated(wide, block)]);
  const out: Buffer[] = [];
  for (let made = 0; made < length; made += size) {
    let digest = createHash(hash).update(Buffer.alloc(block, id)).update(input).digest();
    for (let i = 1; i < rounds; i++) digest = oneHash(hash, digest, 'buffer');
    out.push(digest);
    addToBlocks(input, repeated(digest, block).subarray(0, block), block);
  }
  wide.fill(0);
  input.fill(0);
  return Buffer.concat(out).subarray(0, length);
}

/** PBKDF2 (RFC 8018); undefined for a hash that is not known, or too many rounds. */
export function pbkdf2Key(
  hash: string,
  password: Uint8Array,
  salt: Uint8Array,
  rounds: number,
  length: number,
): Uint8Array | undefined {
  return HASHES[hash] === undefined || rounds > MOST_ROUNDS || rounds < 1
    ? undefined
    : pbkdf2Sync(password, salt, rounds, length, hash);
}

/** True when the HMAC over the data is this one. */
export function hmacMatches(hash: string, key: Uint8Array, data: Uint8Array, digest: Uint8Array): boolean {
  const own = createHmac(hash, key).update(data).digest();
  return own.length === digest.length && timingSafeEqual(own, digest);
}

/** CBC with PKCS#7 padding; undefined when it does not decrypt. For the caller to zero. */
export function decryptCbc(
  cipher: string,
  key: Uint8Array,
  iv: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  try {
    const decipher = createDecipheriv(cipher, key, iv);
    return new Uint8Array(Buffer.concat([decipher.update(ciphertext), decipher.final()]));
  } catch {
    return undefined;
  }
}

/** Big-endian UTF-16 with its two zero octets. */
function utf16(password: Uint8Array): Buffer {
  return Buffer.from(`${new TextDecoder().decode(password)}\0`, 'utf16le').swap16();
}

function repeated(bytes: Uint8Array, block: number): Buffer {
  return bytes.length === 0 ? Buffer.alloc(0) : Buffer.alloc(block * Math.ceil(bytes.length / block), bytes);
}

/** Each block of the input plus `addend` plus one, modulo its size (step 6C). */
function addToBlocks(input: Buffer, addend: Buffer, block: number): void {
  for (let start = 0; start < input.length; start += block) {
    let carry = 1;
    for (let i = block - 1; i >= 0; i--) {
      carry += (input[start + i] as number) + (addend[i] as number);
      input[start + i] = carry & 0xff;
      carry >>= 8;
    }
  }
}
