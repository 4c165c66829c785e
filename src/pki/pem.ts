import { DerError } from './der/error.ts';
import { base64Length, fromBase64, putBase64, toAscii } from './encoding.ts';
import { LIMITS } from './limits.ts';

export interface PemBlock {
  label: string;
  bytes: Uint8Array;
}

const BEGIN = '-----BEGIN ';
const LABEL = /^[A-Z0-9 ]*/;
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END ([A-Z0-9 ]{1,40})-----/g;

/** True when the octets look like PEM text rather than DER. */
export function looksLikePem(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes[0] !== 0x30 && decodeLatin1(bytes).includes(BEGIN);
}

/**
 * Every block of a PEM file (RFC 7468), in order. Text around the blocks is ignored, as OpenSSL does.
 * @param labels the blocks that are wanted, of a file that may hold others: those are not looked at, such as a key with
 *   headers of RFC 1421; default all
 * @throws DerError for a file that is too large, a block without its end, or bad base64
 */
export function decodePem(input: Uint8Array | string, labels?: readonly string[]): PemBlock[] {
  const text = typeof input === 'string' ? input : decodeLatin1(input);
  if (text.length > LIMITS.file) throw new DerError(`larger than ${LIMITS.file} bytes`);
  const isWanted = (label: string): boolean => labels === undefined || labels.includes(label);
  const blocks: PemBlock[] = [];
  let begins = 0;
  for (let at = text.indexOf(BEGIN); at >= 0; at = text.indexOf(BEGIN, at + 1)) {
    const start = at + BEGIN.length;
    if (isWanted(LABEL.exec(text.slice(start, start + 41))?.[0] ?? '')) begins++;
  }
  for (const [, label, body, end] of text.matchAll(BLOCK) as Iterable<string[]>) {
    if (!isWanted(label as string)) continue;
    if (label !== end) throw new DerError(`PEM block ${label} ends as ${end}`);
    blocks.push({ label: label as string, bytes: fromBase64((body as string).replace(/\s+/g, '')) });
  }
  if (blocks.length !== begins) throw new DerError('malformed PEM block');
  return blocks;
}

/** One PEM block with lines of 64 characters (RFC 7468 §2), with its last newline. */
export function encodePem(label: string, bytes: Uint8Array): string {
  return decodeLatin1(pemOctets(label, bytes));
}

/** The same as octets, which can be overwritten. */
export function pemOctets(label: string, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(pemLength(label, bytes.length));
  putPem(out, 0, label, bytes);
  return out;
}

/** Writes such a block as octets. @returns where it ends */
export function putPem(out: Uint8Array, at: number, label: string, bytes: Uint8Array): number {
  const { begin, end } = boundariesOf(label);
  out.set(begin, at);
  const to = putBase64(out, at + begin.length, bytes, LINE);
  out.set(end, to);
  return to + end.length;
}

/** Characters of such a block around this many octets. */
export function pemLength(label: string, octets: number): number {
  return base64Length(octets, LINE) + 2 * label.length + '-----BEGIN -----\n-----END -----\n'.length;
}

/** The lines around a block. Labels are few. */
const boundaries = new Map<string, { begin: Uint8Array; end: Uint8Array }>();

function boundariesOf(label: string): { begin: Uint8Array; end: Uint8Array } {
  const known = boundaries.get(label);
  if (known !== undefined) return known;
  const made = { begin: toAscii(`-----BEGIN ${label}-----\n`), end: toAscii(`-----END ${label}-----\n`) };
  boundaries.set(label, made);
  return made;
}

const LINE = 64;

function decodeLatin1(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes);
}
