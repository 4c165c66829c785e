import { LIMITS } from '../limits.ts';
import { DerError } from './error.ts';
import { decodeOid } from './oid.ts';
import { TAG } from './tags.ts';
import { parseTime } from './time.ts';

/**
 * A cursor over the values inside one constructed DER value (X.690 §10, §11). Strict: definite and minimal
 * lengths, single-octet tags, minimal integers, booleans 00 or FF. It never copies: what it returns are views.
 *
 * Every method throws `DerError` when the input is not what it was asked for.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #depth: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, depth = 0) {
    if (depth > LIMITS.nesting) throw new DerError(`nested deeper than ${LIMITS.nesting} levels`, start);
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#depth = depth;
  }

  /** Offset of the next value in the underlying bytes. */
  get offset(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** The next identifier octet without consuming it; -1 at the end. */
  peek(): number {
    return this.#at < this.#end ? (this.#bytes[this.#at] as number) : -1;
  }

  /** Consumes one value and returns its content; with `tag`, only a value with that identifier octet. */
  content(tag?: number): Uint8Array {
    const start = this.#value(tag);
    return this.#bytes.subarray(start, this.#at);
  }

  /** Consumes one value and returns it whole: identifier, length and content. */
  raw(tag?: number): Uint8Array {
    const start = this.#at;
    this.#value(tag);
    return this.#bytes.subarray(start, this.#at);
  }

  /** The octets from an earlier `offset` up to here. */
  since(offset: number): Uint8Array {
    return this.#bytes.subarray(offset, this.#at);
  }

  /** Enters one constructed value; the outer cursor moves behind it. */
  enter(tag: number = TAG.sequence): DerReader {
    const start = this.#value(tag);
    return new DerReader(this.#bytes, start, this.#at, this.#depth + 1);
  }

  /** Enters the next value when it has this tag. */
  enterOptional(tag: number): DerReader | undefined {
    return this.peek() === tag ? this.enter(tag) : undefined;
  }

  /** The content of the next value when it has this tag. */
  contentOptional(tag: number): Uint8Array | undefined {
    return this.peek() === tag ? this.content(tag) : undefined;
  }

  /** Two's complement content octets of an INTEGER (or ENUMERATED), checked to be minimal (X.690 §8.3.2). */
  integer(tag: number = TAG.integer): Uint8Array {
    const at = this.#at;
    const value = this.content(tag);
    if (value.length === 0) throw new DerError('empty INTEGER', at);
    const [first, second] = value as unknown as [number, number];
    if (value.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
      throw new DerError('INTEGER is not minimal', at);
    return value;
  }

  /** A non-negative INTEGER below 2^31. */
  smallInteger(tag: number = TAG.integer): number {
    const at = this.#at;
    const value = this.integer(tag);
    if (value.length > 4 || (value[0] as number) >= 0x80) throw new DerError('INTEGER out of range', at);
    return value.reduce((n, octet) => n * 256 + octet, 0);
  }

  /** A non-negative INTEGER; one of 2^31 and more counts as 2^31 - 1, which is as good for a length or a count. */
  cappedInteger(tag: number = TAG.integer): number {
    const at = this.#at;
    const value = this.integer(tag);
    if ((value[0] as number) >= 0x80) throw new DerError('INTEGER out of range', at);
    return value.length > 4 ? 0x7fffffff : value.reduce((n, octet) => n * 256 + octet, 0);
  }

  boolean(tag: number = TAG.boolean): boolean {
    const at = this.#at;
    const value = this.content(tag);
    if (value.length !== 1 || (value[0] !== 0 && value[0] !== 0xff)) throw new DerError('BOOLEAN is not 00 or FF', at);
    return value[0] === 0xff;
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  oid(tag: number = TAG.oid): string {
    const at = this.#at;
    const start = this.#value(tag);
    return decodeOid(this.#bytes, at, start, this.#at);
  }

  /** A UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 has it. @returns milliseconds since 1970 */
  time(): number {
    const at = this.#at;
    const tag = this.peek();
    if (tag !== TAG.utcTime && tag !== TAG.generalizedTime)
      throw new DerError('expected UTCTime or GeneralizedTime', at);
    const start = this.#value(tag);
    return parseTime(tag, this.#bytes, at, start, this.#at);
  }

  /** A BIT STRING: its octets and how many bits of the last one are unused, which must be zero (X.690 §11.2.1). */
  bitString(tag: number = TAG.bitString): { bytes: Uint8Array; unused: number } {
    const at = this.#at;
    const value = this.content(tag);
    const unused = value[0];
    if (unused === undefined || unused > 7 || (unused > 0 && value.length === 1))
      throw new DerError('BIT STRING with a bad count of unused bits', at);
    if (unused > 0 && ((value[value.length - 1] as number) & ((1 << unused) - 1)) !== 0)
      throw new DerError('BIT STRING with unused bits set', at);
    return { bytes: value.subarray(1), unused };
  }

  /** A BIT STRING of whole octets, as keys and signatures are. */
  octetAlignedBitString(tag: number = TAG.bitString): Uint8Array {
    const at = this.#at;
    const { bytes, unused } = this.bitString(tag);
    if (unused !== 0) throw new DerError('BIT STRING is not octet aligned', at);
    return bytes;
  }

  null(): void {
    const at = this.#at;
    if (this.content(TAG.null).length !== 0) throw new DerError('NULL with content', at);
  }

  /** Throws unless everything was consumed. */
  end(): void {
    if (this.#at !== this.#end) throw new DerError('data behind the last expected field', this.#at);
  }

  /** Consumes one value. @returns where its content begins; it ends at the cursor */
  #value(tag: number | undefined): number {
    const bytes = this.#bytes;
    const at = this.#at;
    if (at + 2 > this.#end) throw new DerError(this.#at === this.#end ? 'a field is missing' : 'truncated', at);
    const identifier = bytes[at] as number;
    if (tag !== undefined && identifier !== tag)
      throw new DerError(`expected tag 0x${hex2(tag)}, found 0x${hex2(identifier)}`, at);
    if ((identifier & 0x1f) === 0x1f) throw new DerError('tag numbers above 30 are not supported', at);
    let length = bytes[at + 1] as number;
    let start = at + 2;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0) throw new DerError('indefinite length', at);
      if (octets > 4 || start + octets > this.#end) throw new DerError('length runs past the end', at);
      length = 0;
      for (let i = 0; i < octets; i++) length = length * 256 + (bytes[start + i] as number);
      if (length < 0x80 || bytes[start] === 0) throw new DerError('length is not minimal', at);
      start += octets;
    }
    const end = start + length;
    if (end > this.#end) throw new DerError('length runs past the end', at);
    this.#at = end;
    return start;
  }
}

/** Reads a buffer that must hold exactly one value, by handing a reader over it to `parse`. */
export function readDer<T>(bytes: Uint8Array, parse: (reader: DerReader) => T): T {
  const reader = new DerReader(bytes);
  const result = parse(reader);
  reader.end();
  return result;
}

function hex2(n: number): string {
  return n.toString(16).padStart(2, '0');
}
