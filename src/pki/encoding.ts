import { DerError } from './der/error.ts';

const HEX = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0'));

/** Lower-case hex, two digits an octet. */
export function toHex(bytes: Uint8Array): string {
  let out = '';
  for (const octet of bytes) out += HEX[octet];
  return out;
}

/** @throws DerError unless `text` is an even number of hex digits */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw new DerError('not hexadecimal');
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}

/** Base64 (RFC 4648 §4) with padding. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(binary);
}

/** Canonical base64 only: padding present, unused bits zero, no white space. @throws DerError otherwise */
export function fromBase64(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch (cause) {
    throw new DerError(`not base64: ${cause instanceof Error ? cause.message : ''}`);
  }
  if (btoa(binary) !== text) throw new DerError('not canonical base64');
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}
