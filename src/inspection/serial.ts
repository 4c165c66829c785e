import { toHex } from '../pki/encoding.ts';

/**
 * A serial number as lower-case hex, an even number of digits, without the sign octet. A negative one, which
 * RFC 5280 §4.1.2.2 forbids, has a `-` before its magnitude: its bare octets would read as another, positive serial.
 * @param content the two's complement content octets of the INTEGER
 */
export function formatSerial(content: Uint8Array): string {
  if ((content[0] ?? 0) >= 0x80) return `-${toHex(stripZeros(negate(content)))}`;
  return toHex(stripZeros(content));
}

function stripZeros(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  return bytes.subarray(start);
}

function negate(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length);
  let carry = 1;
  for (let i = bytes.length - 1; i >= 0; i--) {
    const sum = (~(bytes[i] as number) & 0xff) + carry;
    out[i] = sum & 0xff;
    carry = sum >> 8;
  }
  return out;
}
