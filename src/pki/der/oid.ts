import { LIMITS } from '../limits.ts';
import { DerError } from './error.ts';

/** What was decoded before, by a hash of its octets: the same few identifiers are read over and over. */
const decoded = new Map<number, { content: Uint8Array; dotted: string }[]>();
const MOST_DECODED = 1024;
let decodedCount = 0;

/**
 * Content octets of an OBJECT IDENTIFIER to dotted form (X.690 §8.19); arcs may exceed 2^53 (2.25, UUIDs).
 * @param offset where the value stands, for errors
 * @param start where the content begins in `bytes`, and `end` where it ends
 */
export function decodeOid(bytes: Uint8Array, offset = 0, start = 0, end = bytes.length): string {
  if (end <= start || end - start > LIMITS.oid) throw new DerError('OBJECT IDENTIFIER of a bad length', offset);
  let hash = 0;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
  const candidates = decoded.get(hash);
  if (candidates !== undefined)
    for (const { content, dotted } of candidates) if (isAt(content, bytes, start, end)) return dotted;
  const content = bytes.slice(start, end);
  const dotted = dottedOf(content, offset);
  if (decodedCount < MOST_DECODED) {
    decodedCount++;
    if (candidates === undefined) decoded.set(hash, [{ content, dotted }]);
    else candidates.push({ content, dotted });
  }
  return dotted;
}

function isAt(content: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (content.length !== end - start) return false;
  for (let i = 0; i < content.length; i++) if (content[i] !== bytes[start + i]) return false;
  return true;
}

function dottedOf(content: Uint8Array, offset: number): string {
  if ((content[content.length - 1] as number) >= 0x80) throw new DerError('OBJECT IDENTIFIER is cut off', offset);
  const arcs: bigint[] = [];
  let arc = 0n;
  let first = true;
  for (const octet of content) {
    if (first && octet === 0x80) throw new DerError('OBJECT IDENTIFIER arc is not minimal', offset);
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    first = octet < 0x80;
    if (first) {
      arcs.push(arc);
      arc = 0n;
    }
  }
  const head = arcs[0] as bigint;
  const top = head < 80n ? head / 40n : 2n;
  return [top, head - top * 40n, ...arcs.slice(1)].join('.');
}

/** Dotted form to content octets. @throws DerError when it is not a legal OBJECT IDENTIFIER */
export function encodeOid(dotted: string): Uint8Array {
  if (!/^[0-2](\.(0|[1-9]\d*))+$/.test(dotted)) throw new DerError(`not an object identifier: ${dotted}`);
  const [top, second, ...rest] = dotted.split('.').map(BigInt) as [bigint, bigint, ...bigint[]];
  if (top < 2n && second > 39n) throw new DerError(`not an object identifier: ${dotted}`);
  const out: number[] = [];
  for (const arc of [top * 40n + second, ...rest]) {
    const septets = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) septets.unshift(Number(left & 0x7fn) | 0x80);
    out.push(...septets);
  }
  return Uint8Array.from(out);
}
