import ipaddr from 'ipaddr.js';

/** Where clouds answer with the machine's own credentials, beside the link-local 169.254.169.254. */
const METADATA = ['fd00:ec2::254', 'fd20:ce::254', '100.100.100.200', '168.63.129.16', '192.0.0.192'];
/** Link-local addresses hold the clouds' metadata; the others are nobody's. */
const NEVER = ['linkLocal', 'unspecified', 'multicast', 'broadcast', '6to4', 'teredo', 'reserved'];

/**
 * Why nothing is sent to an address; undefined when it may be.
 * @param address as the resolver or the configuration has it
 * @param local the configuration itself names this host: by address, or as localhost. A name that the DNS takes to
 *   loopback does not
 */
export function refusal(address: string, local: boolean): string | undefined {
  if (!ipaddr.isValid(address)) return `${address} is not an address`;
  const parsed = embedded(ipaddr.process(address));
  const range = parsed.range();
  if (METADATA.some((one) => isSame(parsed, one))) return `${address} is where a cloud has its metadata`;
  if (NEVER.includes(range)) return `${address} is ${range === 'linkLocal' ? 'link-local' : range}`;
  if (range === 'loopback' && !local) return `${address} is this host's own, and the name does not say so`;
  return undefined;
}

function isSame(address: ipaddr.IPv4 | ipaddr.IPv6, text: string): boolean {
  return address.toNormalizedString() === ipaddr.parse(text).toNormalizedString();
}

/** The IPv4 address that a translated one (64:ff9b::/96, RFC 6052) leads to. */
function embedded(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  return address.kind() === 'ipv6' && address.range() === 'rfc6052'
    ? new ipaddr.IPv4(address.toByteArray().slice(12))
    : address;
}
