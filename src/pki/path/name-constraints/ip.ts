import { formatIp } from '../../x509/ip.ts';
import { exactSubtree, type Subtree, SubtreeError } from './subtree.ts';

/** The octets of an iPAddress that is one address; undefined for any other length. */
export function constrainedIp(octets: Uint8Array): Uint8Array | undefined {
  return octets.length === 4 || octets.length === 16 ? octets : undefined;
}

/** An iPAddress subtree: address and mask of 4 or 16 octets each, the mask's ones all in front (RFC 4632 §3.1). */
export function ipSubtree(base: Uint8Array): Subtree<Uint8Array | undefined> {
  const size = base.length / 2;
  if (size !== 4 && size !== 16) throw new SubtreeError(`IP:${formatIp(base)} is not an address and a mask`);
  const mask = base.subarray(size);
  const prefix = prefixLength(mask);
  if (prefix === undefined) throw new SubtreeError(`IP:${formatIp(base)} has a mask with gaps`);
  return exactSubtree((address: Uint8Array) => {
    if (address.length !== size) return false;
    for (let i = 0; i < size; i++)
      if ((((address[i] as number) ^ (base[i] as number)) & (mask[i] as number)) !== 0) return false;
    return true;
  });
}

function prefixLength(mask: Uint8Array): number | undefined {
  let bits = '';
  for (const octet of mask) bits += octet.toString(2).padStart(8, '0');
  return /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined;
}
