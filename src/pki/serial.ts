import { toHex } from './encoding.ts';

/** A source of random octets: `crypto.getRandomValues`, or a fixed one in tests. */
export type RandomBytes = (length: number) => Uint8Array;

/** A new serial number: 20 octets, the first 0x40 to 0x7f so that it is positive and of full length (RFC 5280 §4.1.2.2), the rest random. */
export function newSerial(random: RandomBytes): Uint8Array {
  const serial = random(20);
  serial[0] = 0x40 | ((serial[0] as number) & 0x3f);
  return serial;
}

/** Lower-case hex, an even number of digits, without a sign octet. */
export function formatSerial(serialNumber: Uint8Array): string {
  const start = serialNumber.length > 1 && serialNumber[0] === 0 ? 1 : 0;
  return toHex(serialNumber.subarray(start));
}

/** Reads a serial as people write it: hex, with colons, upper case or leading zeros. Undefined for anything else. */
export function parseSerial(text: string): string | undefined {
  const digits = text
    .replaceAll(':', '')
    .toLowerCase()
    .replace(/^0+(?=.)/, '');
  if (!/^[0-9a-f]{1,64}$/.test(digits)) return undefined;
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}
