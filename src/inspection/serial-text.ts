import { toHex } from '../pki/encoding.ts';
import { formatSerial } from '../pki/serial.ts';

/**
 * A serial number as every document has it: lower-case hex, an even number of digits, no sign octet. A negative one,
 * which RFC 5280 §4.1.2.2 forbids, has a `-` before its magnitude: its bare octets would read as another serial.
 * @param content the two's complement content octets of the INTEGER
 */
export function serialText(content: Uint8Array): string {
  if ((content[0] ?? 0) < 0x80) return formatSerial(content);
  return `-${formatSerial(negate(content))}`;
}

/** The value of an INTEGER in decimal, as CRL numbers are written. */
export function decimalText(content: Uint8Array): string {
  return content.length === 0 ? '0' : BigInt.asIntN(content.length * 8, BigInt(`0x${toHex(content)}`)).toString();
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
