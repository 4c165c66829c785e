import { createHash, createHmac, randomBytes as nodeRandomBytes, hash as oneShot } from 'node:crypto';

/** SHA-256 (FIPS 180-4). */
export function sha256(...parts: Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return new Uint8Array(oneShot('sha256', only, 'buffer'));
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** SHA-256 of the UTF-8 octets of a text. */
export function sha256OfText(text: string): Uint8Array {
  return oneShot('sha256', text, 'buffer');
}

/** SHA-256 in lower-case hex. */
export function sha256Hex(...parts: Uint8Array[]): string {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return oneShot('sha256', only, 'hex');
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** HMAC (RFC 2104) with SHA-256. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', key).update(data).digest());
}

/** Octets from the system's generator. */
export function randomBytes(length: number): Uint8Array {
  return new Uint8Array(nodeRandomBytes(length));
}
