import { randomBytes } from '../crypto/hash.ts';
import { toHex } from '../pki/encoding.ts';

/** A new request id: 128 random bits in hex. */
export function newRequestId(): string {
  return toHex(randomBytes(16));
}
