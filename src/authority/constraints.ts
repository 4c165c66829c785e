import { ClusterCaError } from '../errors.ts';
import type { NameConstraints } from '../pki/x509/extensions.ts';
import { parseCidr } from '../pki/x509/ip.ts';

/** Private and loopback ranges: what a cluster's nodes are addressed by when nobody says otherwise. */
export const DEFAULT_RANGES = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8', 'fc00::/7', '::1/128'];
export const LOOPBACK = ['127.0.0.0/8', '::1/128'];
const EVERYTHING = ['0.0.0.0/0', '::/0'];

/**
 * The name constraints of an issuing CA (RFC 5280 §4.2.1.10): these domains and `localhost`, these ranges; no range
 * means no address at all, which must be said by excluding all, since an absent form is unrestricted.
 */
export function constraintsFor(domains: readonly string[], ranges: readonly string[]): NameConstraints {
  const dns = [...new Set([...domains, 'localhost'])].map((value) => ({ base: { type: 'dns' as const, value } }));
  const ip = (list: readonly string[]) => list.map((cidr) => ({ base: { type: 'ip' as const, value: range(cidr) } }));
  if (ranges.length === 0) return { permitted: dns, excluded: ip(EVERYTHING) };
  return { permitted: [...dns, ...ip(ranges)], excluded: [] };
}

function range(cidr: string): Uint8Array {
  const value = parseCidr(cidr);
  if (value === undefined) throw new ClusterCaError('ERR_USAGE', `not an address range in CIDR form: ${cidr}`);
  return value;
}
