import { encodeOid } from './oid.ts';
import { TAG } from './tags.ts';

/** One DER value: identifier octet, definite minimal length, and the parts as content (X.690 §10.1). */
export function tlv(tag: number, ...parts: Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(headerLength(length) + length);
  let at = putHeader(out, 0, tag, length);
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Octets of identifier and length before this many octets of content. */
export function headerLength(length: number): number {
  if (length < 0x80) return 2;
  if (length < 0x100) return 3;
  if (length < 0x10000) return 4;
  return length < 0x1000000 ? 5 : 6;
}

/** Writes identifier and length of a value with this many octets of content. @returns where the content begins */
export function putHeader(out: Uint8Array, at: number, tag: number, length: number): number {
  const header = headerLength(length);
  out[at] = tag;
  if (header === 2) out[at + 1] = length;
  else {
    out[at + 1] = 0x80 | (header - 2);
    for (let i = header - 1, left = length; i > 1; i--, left = Math.floor(left / 256)) out[at + i] = left;
  }
  return at + header;
}

export function sequence(...parts: Uint8Array[]): Uint8Array {
  return tlv(TAG.sequence, ...parts);
}

/** A SET OF with its elements in DER order (X.690 §11.6). */
export function setOf(...parts: Uint8Array[]): Uint8Array {
  return tlv(TAG.set, ...parts.toSorted(compareBytes));
}

/** A non-negative INTEGER from big-endian octets or a number below 2^53. */
export function unsignedInteger(value: Uint8Array | number | bigint): Uint8Array {
  let bytes = typeof value === 'object' ? value : bigEndian(BigInt(value));
  while (bytes.length > 1 && bytes[0] === 0) bytes = bytes.subarray(1);
  if (bytes.length === 0) bytes = Uint8Array.of(0);
  return (bytes[0] as number) >= 0x80 ? tlv(TAG.integer, Uint8Array.of(0), bytes) : tlv(TAG.integer, bytes);
}

export function boolean(value: boolean): Uint8Array {
  return Uint8Array.of(TAG.boolean, 1, value ? 0xff : 0);
}

/** Identifiers in use are few, and the same ones are written over and over. */
const oids = new Map<string, Uint8Array>();

export function oid(dotted: string): Uint8Array {
  const known = oids.get(dotted);
  if (known !== undefined) return known;
  const der = tlv(TAG.oid, encodeOid(dotted));
  if (oids.size < 256) oids.set(dotted, der);
  return der;
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return tlv(TAG.octetString, bytes);
}

/** A BIT STRING of whole octets. */
export function bitString(bytes: Uint8Array): Uint8Array {
  return tlv(TAG.bitString, Uint8Array.of(0), bytes);
}

/** A BIT STRING of named bits: bit 0 is the first; trailing zeros are removed (X.690 §11.2.2). */
export function namedBits(bits: number[]): Uint8Array {
  if (bits.length === 0) return tlv(TAG.bitString, Uint8Array.of(0));
  const last = Math.max(...bits);
  const bytes = new Uint8Array((last >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] as number) | (0x80 >> (bit & 7));
  return tlv(TAG.bitString, Uint8Array.of(7 - (last & 7)), bytes);
}

export function utf8String(text: string): Uint8Array {
  return tlv(TAG.utf8String, new TextEncoder().encode(text));
}

export const NULL: Uint8Array = Uint8Array.of(TAG.null, 0);

export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  return concatAll(parts);
}

/** The same for a list of any length, which an argument list is not. */
export function concatAll(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Octet-wise order, a prefix first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

function bigEndian(value: bigint): Uint8Array {
  const octets: number[] = [];
  for (let left = value; left > 0n; left >>= 8n) octets.unshift(Number(left & 0xffn));
  return Uint8Array.from(octets.length === 0 ? [0] : octets);
}
