import { DerError } from './der/error.ts';

const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
/** Digits on their way to a text. */
const digits = new Uint8Array(256);

/** Lower-case hex, two digits an octet. */
export function toHex(bytes: Uint8Array): string {
  const { length } = bytes;
  // Made of octets at once: a text that is put together digit by digit holds thirty times its length for as long as it lives.
  const out = 2 * length <= digits.length ? digits : new Uint8Array(2 * length);
  for (let i = 0; i < length; i++) {
    const octet = bytes[i] as number;
    out[2 * i] = HEX[octet >> 4] as number;
    out[2 * i + 1] = HEX[octet & 15] as number;
  }
  return LATIN1.decode(out.subarray(0, 2 * length));
}

const NIBBLES = new Int8Array(128).fill(-1);
for (let n = 0; n < 16; n++)
  for (const digit of [n.toString(16), n.toString(16).toUpperCase()]) NIBBLES[digit.charCodeAt(0)] = n;

/** @throws DerError unless `text` is an even number of hex digits */
export function fromHex(text: string): Uint8Array {
  const out = new Uint8Array(text.length >> 1);
  let wrong = text.length & 1;
  for (let i = 0; i < out.length; i++) {
    const octet = ((NIBBLES[text.charCodeAt(2 * i)] ?? -1) << 4) | (NIBBLES[text.charCodeAt(2 * i + 1)] ?? -1);
    wrong |= octet & ~0xff;
    out[i] = octet;
  }
  if (wrong !== 0) throw new DerError('not hexadecimal');
  return out;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const SYMBOLS = Uint8Array.from(ALPHABET, (c) => c.charCodeAt(0));
const NO_DIGIT = 0xff;
const DIGITS = new Uint8Array(256).fill(NO_DIGIT);
for (const [digit, symbol] of SYMBOLS.entries()) DIGITS[symbol] = digit;
const PAD = 0x3d;
const LATIN1 = new TextDecoder('latin1');

const NEWLINE = 0x0a;

/**
 * Base64 (RFC 4648 §4) with padding.
 * @param line characters of a line, a multiple of four: every line ends with a newline; without it there are none
 */
export function toBase64(bytes: Uint8Array, line?: number): string {
  const out = new Uint8Array(base64Length(bytes.length, line));
  putBase64(out, 0, bytes, line);
  return LATIN1.decode(out);
}

/** Characters of the base64 of this many octets, newlines included. */
export function base64Length(octets: number, line?: number): number {
  const characters = Math.ceil(octets / 3) * 4;
  return characters + (line === undefined ? 0 : Math.ceil(characters / line));
}

/** Writes the same as octets. @returns where it ends */
export function putBase64(out: Uint8Array, at: number, bytes: Uint8Array, line = 0): number {
  const rest = bytes.length % 3;
  const whole = bytes.length - rest;
  let to = at;
  let left = line;
  for (let from = 0; from < whole; from += 3) {
    const group = ((bytes[from] as number) << 16) | ((bytes[from + 1] as number) << 8) | (bytes[from + 2] as number);
    out[to] = SYMBOLS[group >> 18] as number;
    out[to + 1] = SYMBOLS[(group >> 12) & 63] as number;
    out[to + 2] = SYMBOLS[(group >> 6) & 63] as number;
    out[to + 3] = SYMBOLS[group & 63] as number;
    to += 4;
    left -= 4;
    if (left === 0) {
      out[to++] = NEWLINE;
      left = line;
    }
  }
  if (rest > 0) {
    const group = ((bytes[whole] as number) << 16) | ((rest === 2 ? (bytes[whole + 1] as number) : 0) << 8);
    out[to] = SYMBOLS[group >> 18] as number;
    out[to + 1] = SYMBOLS[(group >> 12) & 63] as number;
    out[to + 2] = rest === 2 ? (SYMBOLS[(group >> 6) & 63] as number) : PAD;
    out[to + 3] = PAD;
    to += 4;
    left -= 4;
  }
  if (left < line) out[to++] = NEWLINE;
  return to;
}

/** Canonical base64 only: padding present, unused bits zero, no white space. @throws DerError otherwise */
export function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw new DerError('not base64: its length is no multiple of four');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  const end = text.length - padding;
  let bits = 0;
  let held = 0;
  let to = 0;
  for (let from = 0; from < end; from++) {
    const digit = DIGITS[text.charCodeAt(from)] ?? NO_DIGIT;
    if (digit === NO_DIGIT) throw new DerError('not base64');
    held = ((held << 6) | digit) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[to++] = held >> bits;
    }
  }
  if ((held & ((1 << bits) - 1)) !== 0) throw new DerError('not canonical base64');
  return out;
}

/** The octets of ASCII text. @throws DerError when it holds anything else */
export function toAscii(text: string): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) throw new DerError(`not ASCII: ${JSON.stringify(text)}`);
    out[i] = code;
  }
  return out;
}

/** True when no octet is beyond ASCII. */
export function isAscii(octets: Uint8Array): boolean {
  for (let i = 0; i < octets.length; i++) if ((octets[i] as number) >= 0x80) return false;
  return true;
}

/** Text of octets that are known to be ASCII. */
export function fromAscii(octets: Uint8Array): string {
  return LATIN1.decode(octets);
}
