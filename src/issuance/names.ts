import { ClusterCaError } from '../errors.ts';
import type { Policy } from '../keystore/log/bodies.ts';
import { isDnsName } from '../pki/x509/dns-name.ts';
import { type GeneralName, ipName } from '../pki/x509/general-name.ts';
import { parseIp } from '../pki/x509/ip.ts';

const LONGEST_NODE = 64;
const CLIENT = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
/** `DIR/clients/` holds the clients' files. */
const RESERVED = 'clients';

/** A node's name: a lower-case DNS name of at most 64 characters. @throws ERR_USAGE with the nearest legal name */
export function checkNodeName(name: string): string {
  if (isNodeName(name)) return name;
  const nearest = nearestNodeName(name);
  throw new ClusterCaError('ERR_USAGE', `not a node's name: ${JSON.stringify(name)}`, {
    hint:
      nearest === undefined ? 'a node is named by a lower-case DNS name, such as redis-1' : `did you mean ${nearest}`,
    details: { name, ...(nearest === undefined ? {} : { nearest }) },
  });
}

export function isNodeName(name: string): boolean {
  const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
  return name.length <= LONGEST_NODE && name !== RESERVED && name.split('.').every((part) => label.test(part));
}

/** A client's name. @throws ERR_USAGE */
export function checkClientName(name: string): string {
  if (isClientName(name)) return name;
  throw new ClusterCaError('ERR_USAGE', `not a client's name: ${JSON.stringify(name)}`, {
    hint: 'a client is named by 1 to 64 letters, digits, dots, underscores, at signs and dashes, the first a letter or digit',
  });
}

/** A name that a node or a client may have. @throws ERR_USAGE */
export function checkHolderName(name: string): string {
  return CLIENT.test(name) ? name : checkNodeName(name);
}

export function isClientName(name: string): boolean {
  return CLIENT.test(name);
}

/** The nearest legal name to one that is none; undefined when nothing is left of it. */
export function nearestNodeName(name: string): string | undefined {
  const labels = name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .split('.')
    .map((label) => label.slice(0, 63).replace(/^-+|-+$/g, ''))
    .filter((label) => label !== '');
  const joined = labels
    .join('.')
    .slice(0, LONGEST_NODE)
    .replace(/[.-]+$/, '');
  const candidate = joined === RESERVED ? 'clients-1' : joined;
  return isNodeName(candidate) ? candidate : undefined;
}

/** One of the cluster's planes. @throws ERR_USAGE */
export function checkPlanes(planes: readonly string[], policy: Policy): string[] {
  for (const plane of planes)
    if (!policy.planes.includes(plane))
      throw new ClusterCaError('ERR_USAGE', `the cluster has no plane ${JSON.stringify(plane)}`, {
        hint: `its planes are ${policy.planes.join(' and ')}`,
      });
  return [...new Set(planes)];
}

/** True when a DNS name is this domain or lies below it. */
export function liesIn(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}

/** The DNS name a node has when none is given: itself, when it lies in a permitted domain already, else below the first one. */
export function defaultDnsName(node: string, policy: Policy): string {
  const permitted = [...policy.domains, 'localhost'];
  return permitted.some((domain) => liesIn(node, domain)) ? node : `${node}.${policy.domains[0]}`;
}

/** A DNS name as given: lower case; a wildcard as its left-most label. @throws ERR_USAGE */
export function checkDnsName(name: string): string {
  const lower = name.toLowerCase();
  if (isDnsName(lower, { wildcard: true })) return lower;
  throw new ClusterCaError('ERR_USAGE', `not a DNS name: ${JSON.stringify(name)}`, {
    hint:
      parseIp(name) === undefined
        ? 'letters, digits and dashes, in labels separated by dots'
        : `give an address with --ip ${name}`,
  });
}

/** An IP address as given. @throws ERR_USAGE */
export function checkIpAddress(address: string): string {
  if (parseIp(address) !== undefined) return address;
  throw new ClusterCaError('ERR_USAGE', `not an IP address: ${JSON.stringify(address)}`);
}

/** The identity's URI: `spiffe://<first domain>/node/<node>/<plane>`, `…/client/<name>`, `…/role/<role>/<name>`. */
export function spiffeId(
  policy: Policy,
  holder: { kind: 'node' | 'client' | 'probe'; name: string; plane: string; role?: string | undefined },
): string {
  const trustDomain = policy.domains[0] as string;
  if (holder.kind === 'node') return `spiffe://${trustDomain}/node/${holder.name}/${holder.plane}`;
  if (holder.role !== undefined) return `spiffe://${trustDomain}/role/${holder.role}/${holder.name}`;
  return `spiffe://${trustDomain}/${holder.kind}/${holder.name}`;
}

/** All names of a certificate to be, in their order: DNS names, addresses, the URI; none twice. */
export function subjectAltNames(dns: readonly string[], ip: readonly string[], uri: string): GeneralName[] {
  const names: GeneralName[] = [];
  for (const value of once(dns, String)) names.push({ type: 'dns', value });
  for (const name of once(ip.map(ipName), ({ value }) => String(value))) names.push(name);
  names.push({ type: 'uri', value: uri });
  return names;
}

/** The elements without those that an earlier one has the key of. */
function once<T>(elements: readonly T[], key: (element: T) => string): Iterable<T> {
  if (elements.length < 2) return elements;
  const found = new Map<string, T>();
  for (const element of elements) if (!found.has(key(element))) found.set(key(element), element);
  return found.values();
}
