import ipaddr from 'ipaddr.js';
import { toHex } from '../encoding.ts';

/** The octets of an IPv4 or IPv6 address in its usual text form; undefined for anything else. */
export function parseIp(text: string): Uint8Array | undefined {
  if (text.includes(':'))
    return ipaddr.IPv6.isValid(text) && !text.includes('%') ? octets(ipaddr.IPv6.parse(text)) : undefined;
  return parseDotted(text);
}

/** Four decimal numbers below 256, without leading zeros. */
function parseDotted(text: string): Uint8Array | undefined {
  const out = new Uint8Array(4);
  let part = 0;
  let digits = 0;
  let value = 0;
  for (let i = 0; i <= text.length; i++) {
    const digit = i === text.length ? DOT : text.charCodeAt(i) - ZERO;
    if (digit === DOT) {
      if (digits === 0 || part === 4) return undefined;
      out[part++] = value;
      digits = 0;
      value = 0;
    } else {
      if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return undefined;
      value = 10 * value + digit;
      digits++;
      if (value > 255) return undefined;
    }
  }
  return part === 4 ? out : undefined;
}

const ZERO = 0x30;
const DOT = 0x2e - ZERO;

/** The octets of a CIDR range: address then mask, as RFC 5280 §4.2.1.10 has it; undefined unless it is one with no host bits. */
export function parseCidr(text: string): Uint8Array | undefined {
  const match = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(text);
  const address = match === null ? undefined : parseIp(match[1] as string);
  if (match === null || address === undefined) return undefined;
  const bits = Number(match[2]);
  if (bits > address.length * 8) return undefined;
  const out = new Uint8Array(address.length * 2);
  out.set(address);
  for (let i = 0; i < address.length; i++) {
    const mask = 0xff & (0xff00 >> Math.max(0, Math.min(8, bits - 8 * i)));
    out[address.length + i] = mask;
    if (((address[i] as number) & ~mask & 0xff) !== 0) return undefined;
  }
  return out;
}

/** Text of 4, 8, 16 or 32 octets: an address, or `address/prefix` (or `address/mask`) for a range; hex for anything else. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length === 16) return ipaddr.fromByteArray([...bytes]).toString();
  if (bytes.length !== 8 && bytes.length !== 32) return `#${toHex(bytes)}`;
  const half = bytes.length / 2;
  const address = ipaddr.fromByteArray([...bytes.subarray(0, half)]).toString();
  const mask = ipaddr.fromByteArray([...bytes.subarray(half)]);
  return `${address}/${mask.prefixLengthFromSubnetMask() ?? mask.toString()}`;
}

function octets(address: { toByteArray(): number[] }): Uint8Array {
  return Uint8Array.from(address.toByteArray());
}
