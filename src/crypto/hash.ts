import { createHash, createHmac, randomBytes as nodeRandomBytes, hash as oneShot } from 'node:crypto';

/** Parts of fewer octets are put together first: an object for each hash costs more than to copy them. */
const SMALL = 16 * 1024;

/** SHA-256 (FIPS 180-4). */
export function sha256(...parts: Uint8Array[]): Uint8Array {
  const whole = inOne(parts);
  if (whole !== undefined) return new Uint8Array(oneShot('sha256', whole, 'buffer'));
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
  const whole = inOne(parts);
  if (whole !== undefined) return oneShot('sha256', whole, 'hex');
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function inOne(parts: Uint8Array[]): Uint8Array | undefined {
  const [only] = parts;
  if (parts.length === 1) return only;
  return parts.reduce((size, part) => size + part.length, 0) < SMALL ? Buffer.concat(parts) : undefined;
}

/** HMAC (RFC 2104) with SHA-256. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', key).update(data).digest());
}

/** Octets from the system's generator. */
export function randomBytes(length: number): Uint8Array {
  return new Uint8Array(nodeRandomBytes(length));
}
