import { DerError } from './error.ts';
import type { DerReader } from './reader.ts';
import { TAG } from './tags.ts';
import { tlv } from './writer.ts';

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/**
 * Time as RFC 5280 §4.1.2.5 has it: UTCTime or GeneralizedTime, whole seconds, `Z`. Two-digit years from 50 on
 * are 19YY. @returns milliseconds since 1970
 */
export function readTime(reader: DerReader): number {
  const at = reader.offset;
  const tag = reader.peek();
  if (tag !== TAG.utcTime && tag !== TAG.generalizedTime) throw new DerError('expected UTCTime or GeneralizedTime', at);
  return parseTime(tag, reader.content(), at);
}

/** The content octets of a UTCTime or GeneralizedTime. @returns milliseconds since 1970 */
export function parseTime(tag: number, content: Uint8Array, offset = 0): number {
  const text = String.fromCharCode(...content.subarray(0, 32));
  const match = (tag === TAG.utcTime ? UTC_TIME : GENERALIZED_TIME).exec(text);
  if (match === null || content.length > 32) throw new DerError('malformed time', offset);
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const fullYear = tag === TAG.utcTime ? year + (year >= 50 ? 1900 : 2000) : year;
  const date = new Date(0);
  date.setUTCFullYear(fullYear, month - 1, day);
  date.setUTCHours(hour, minute, second);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59)
    throw new DerError('no such time', offset);
  return date.getTime();
}

/** UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5); fractions of a second are dropped. */
export function time(date: Date): Uint8Array {
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050 ? tlv(TAG.utcTime, ascii(digits(date).slice(2))) : generalizedTime(date);
}

/** GeneralizedTime whatever the year, as invalidityDate wants it (RFC 5280 §5.3.2). */
export function generalizedTime(date: Date): Uint8Array {
  return tlv(TAG.generalizedTime, ascii(digits(date)));
}

function digits(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${String(date.getUTCFullYear()).padStart(4, '0')}${two(date.getUTCMonth() + 1)}${two(date.getUTCDate())}${two(date.getUTCHours())}${two(date.getUTCMinutes())}${two(date.getUTCSeconds())}Z`;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
