/** What a signed object looks like from outside. */
export type Outline = 'certificate' | 'crl' | 'request';

interface Element {
  tag: number;
  start: number;
  end: number;
}

const SEQUENCE = 0x30;
const BIT_STRING = 0x03;

/**
 * Tells a certificate, a CRL and a certification request apart by their ASN.1 outline, however broken they are inside:
 * one SEQUENCE that fills the bytes, of a SEQUENCE, a SEQUENCE and a BIT STRING; the first fields tell which.
 * Undefined for anything else.
 */
export function outlineOf(bytes: Uint8Array): Outline | undefined {
  const [outer, rest] = elements(bytes, 0, bytes.length, 2);
  if (outer?.tag !== SEQUENCE || rest !== undefined || outer.end !== bytes.length) return undefined;
  const parts = elements(bytes, outer.start, outer.end, 4);
  const [signed, algorithm, signature, more] = parts;
  if (signed?.tag !== SEQUENCE || algorithm?.tag !== SEQUENCE || signature?.tag !== BIT_STRING || more !== undefined)
    return undefined;
  if (signature.end !== outer.end) return undefined;
  const tags = elements(bytes, signed.start, signed.end, 4).map(({ tag }) => tag.toString(16).padStart(2, '0'));
  const fields = tags.join(' ');
  if (/^(02 )?30 30 1[78]/.test(fields)) return 'crl';
  return fields.startsWith('02 30 30 a0') ? 'request' : 'certificate';
}

/** Whether the bytes have the outline that all three share. */
export function hasSignedOutline(bytes: Uint8Array): boolean {
  return outlineOf(bytes) !== undefined;
}

/** The first values of a range, at most `limit`; it stops at the first that runs past the end. */
function elements(bytes: Uint8Array, from: number, to: number, limit: number): Element[] {
  const list: Element[] = [];
  for (let at = from; at + 2 <= to && list.length < limit; ) {
    const tag = bytes[at] as number;
    let start = at + 2;
    let length = bytes[at + 1] as number;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0 || octets > 4 || start + octets > to) break;
      length = 0;
      for (let i = 0; i < octets; i++) length = length * 256 + (bytes[start + i] as number);
      start += octets;
    }
    if (start + length > to) break;
    list.push({ tag, start, end: start + length });
    at = start + length;
  }
  return list;
}
