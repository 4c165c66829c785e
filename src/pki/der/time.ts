import { toAscii } from '../encoding.ts';
import { DerError } from './error.ts';
import { TAG } from './tags.ts';
import { tlv } from './writer.ts';

/**
 * The content octets of a UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 has them: whole seconds, `Z`. Two-digit
 * years from 50 on are 19YY.
 * @param offset where the value stands, for errors
 * @param start where the content begins in `bytes`, and `end` where it ends
 * @returns milliseconds since 1970
 */
export function parseTime(tag: number, bytes: Uint8Array, offset = 0, start = 0, end = bytes.length): number {
  const yearDigits = tag === TAG.utcTime ? 2 : 4;
  if (end - start !== yearDigits + 11 || bytes[end - 1] !== UPPER_Z) throw new DerError('malformed time', offset);
  const first = twoDigits(bytes, start, offset);
  const year =
    yearDigits === 2 ? first + (first >= 50 ? 1900 : 2000) : first * 100 + twoDigits(bytes, start + 2, offset);
  const at = start + yearDigits;
  const month = twoDigits(bytes, at, offset);
  const day = twoDigits(bytes, at + 2, offset);
  const hour = twoDigits(bytes, at + 4, offset);
  const minute = twoDigits(bytes, at + 6, offset);
  const second = twoDigits(bytes, at + 8, offset);
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59)
    throw new DerError('no such time', offset);
  return (daysBefore(year, month) + day - 1) * DAY + ((hour * 60 + minute) * 60 + second) * 1000;
}

const UPPER_Z = 0x5a;
const DAY = 86_400_000;
const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

function twoDigits(content: Uint8Array, at: number, offset: number): number {
  const tens = (content[at] as number) - 0x30;
  const ones = (content[at + 1] as number) - 0x30;
  if (tens < 0 || tens > 9 || ones < 0 || ones > 9) throw new DerError('malformed time', offset);
  return tens * 10 + ones;
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days from 1970-01-01 to the first of the month, in the Gregorian calendar throughout. */
function daysBefore(year: number, month: number): number {
  const past = year - 1;
  const leaps = Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) - 477;
  const inYear = (DAYS_BEFORE_MONTH[month - 1] as number) + (month > 2 && isLeap(year) ? 1 : 0);
  return (year - 1970) * 365 + leaps + inYear;
}

/** The last times written: a batch's certificates share theirs. */
const written = new Map<number, Uint8Array>();

/** UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5); fractions of a second are dropped. */
export function time(date: Date): Uint8Array {
  const milliseconds = date.getTime();
  const known = written.get(milliseconds);
  if (known !== undefined) return known;
  const year = date.getUTCFullYear();
  const der = year >= 1950 && year < 2050 ? tlv(TAG.utcTime, toAscii(digits(date).slice(2))) : generalizedTime(date);
  if (written.size >= 64) written.clear();
  written.set(milliseconds, der);
  return der;
}

/** GeneralizedTime whatever the year, as invalidityDate wants it (RFC 5280 §5.3.2). */
export function generalizedTime(date: Date): Uint8Array {
  return tlv(TAG.generalizedTime, toAscii(digits(date)));
}

function digits(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${String(date.getUTCFullYear()).padStart(4, '0')}${two(date.getUTCMonth() + 1)}${two(date.getUTCDate())}${two(date.getUTCHours())}${two(date.getUTCMinutes())}${two(date.getUTCSeconds())}Z`;
}
