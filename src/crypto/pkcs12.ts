import { createCipheriv, createPrivateKey, hash, pbkdf2 } from 'node:crypto';

/** SHA-256's block and output in octets: RFC 7292 calls them v and u. */
const BLOCK = 64;
const OUTPUT = 32;

/** PBKDF2 (RFC 8018) with HMAC-SHA-256, 32 octets. */
export function pbkdf2Sha256(password: Uint8Array, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, 32, 'sha256', (error, key) =>
      error === null ? resolve(new Uint8Array(key)) : reject(error),
    );
  });
}

/** AES-256 in CBC mode with PKCS#7 padding. */
export function encryptAesCbc(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  return new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final()]));
}

/**
 * The key of a PKCS#12 file's MAC (RFC 7292, appendix B.2, with SHA-256 and ID 3): one output block is all it takes.
 * @param password big-endian UTF-16 with its two zero octets
 */
export function pkcs12MacKey(password: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array {
  const input = Buffer.concat([Buffer.alloc(BLOCK, 3), fill(salt), fill(password)]);
  let digest: Uint8Array = hash('sha256', input, 'buffer');
  for (let i = 1; i < iterations; i++) digest = hash('sha256', digest, 'buffer');
  input.fill(0);
  return new Uint8Array(digest.subarray(0, OUTPUT));
}

/** Octets repeated to a multiple of the block. */
function fill(bytes: Uint8Array): Uint8Array {
  return Buffer.alloc(BLOCK * Math.ceil(bytes.length / BLOCK), bytes);
}

/** A private key in PKCS#8 (DER), from whichever form it has; undefined when it does not load. For the caller to zero. */
export function toPkcs8(format: 'pkcs8' | 'sec1' | 'pkcs1', der: Uint8Array): Uint8Array | undefined {
  if (format === 'pkcs8') return new Uint8Array(der);
  const copy = Buffer.from(der);
  try {
    return createPrivateKey({ key: copy, format: 'der', type: format }).export({ format: 'der', type: 'pkcs8' });
  } catch {
    return undefined;
  } finally {
    copy.fill(0);
  }
}
