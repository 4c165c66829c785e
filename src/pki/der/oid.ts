import { LIMITS } from '../limits.ts';
import { DerError } from './error.ts';

const cache = new Map<string, string>();

/** Content octets of an OBJECT IDENTIFIER to dotted form (X.690 §8.19); arcs may exceed 2^53 (2.25, UUIDs). */
export function decodeOid(content: Uint8Array, offset = 0): string {
  if (content.length === 0 || content.length > LIMITS.oid)
    throw new DerError('OBJECT IDENTIFIER of a bad length', offset);
  let key = '';
  for (const octet of content) key += String.fromCharCode(octet);
  const known = cache.get(key);
  if (known !== undefined) return known;
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
  const dotted = [top, head - top * 40n, ...arcs.slice(1)].join('.');
  if (cache.size < 1024) cache.set(key, dotted);
  return dotted;
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
