import { DEFAULT_RANGES, LOOPBACK } from '../authority/constraints.ts';
import { ClusterCaError } from '../errors.ts';
import type { Policy } from '../keystore/log/bodies.ts';
import { CA_KEY_TYPES, KEY_TYPES, type KeyType } from '../pki/x509/algorithm.ts';
import { isDnsName } from '../pki/x509/dns-name.ts';
import { parseCidr } from '../pki/x509/ip.ts';
import { formatDuration } from '../values/duration.ts';
import { lifetimesFor } from './outage.ts';
import type { PolicyOptions } from './policy-options.ts';

const DAY = 86_400;
const YEAR = 365 * DAY;
const PLANE = /^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$/;

/** One label, at most 40 characters: room for « Issuing CA G99.99» in a common name. @throws ERR_USAGE */
export function checkClusterName(cluster: string): void {
  if (/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(cluster)) return;
  const legal = nearestLabel(cluster);
  throw new ClusterCaError('ERR_USAGE', `not a cluster name: ${JSON.stringify(cluster)}`, {
    hint: `a cluster's name is one lower-case DNS label of at most 40 characters${legal === '' ? '' : `, such as ${legal}`}`,
  });
}

/** The nearest legal DNS label of at most 40 characters to a text; '' when nothing is left. */
export function nearestLabel(text: string): string {
  const label = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40);
  return label.replace(/^-+|-+$/g, '');
}

/**
 * The policy of a new keystore, complete and checked.
 * @throws ERR_USAGE for what is no domain, range, plane, key type or order of lifetimes; ERR_POLICY for a lifetime
 *   beyond the issuer's
 */
export function makePolicy(cluster: string, given: PolicyOptions): Policy {
  const { tolerateCaOutage: outage } = given;
  const options = outage === undefined ? given : { ...given, ...lifetimesFor(outage, given) };
  const nodeLifetime = options.nodeLifetime ?? 90 * DAY;
  const policy = {
    domains: unique(options.domains ?? [`${cluster}.internal`]).map(checkDomain),
    permitIp: options.permitIp === undefined ? DEFAULT_RANGES : permittedRanges(options.permitIp),
    planes: unique(options.planes ?? ['control', 'data']).map(checkPlane),
    keyType: keyType(options.keyType ?? 'ecdsa-p256', CA_KEY_TYPES, '--key-type'),
    nodeKeyType: keyType(options.nodeKeyType ?? 'ecdsa-p256', KEY_TYPES, '--node-key-type'),
    rootLifetime: options.rootLifetime ?? 10 * YEAR,
    issuingLifetime: options.issuingLifetime ?? Math.min(5 * YEAR, options.rootLifetime ?? 10 * YEAR),
    nodeLifetime,
    rotateBefore: options.rotateBefore ?? Math.max(1, Math.round((nodeLifetime * 2) / 3)),
    alertBefore: options.alertBefore ?? Math.max(1, Math.round(nodeLifetime / 2)),
    crlLifetime: options.crlLifetime ?? 30 * DAY,
    ...(options.crlUrl === undefined ? {} : { crlUrl: checkUrl(options.crlUrl) }),
  };
  checkLifetimes(policy);
  return policy;
}

function checkLifetimes(policy: Policy): void {
  const outlives = (a: keyof Policy, b: keyof Policy, words: string): void => {
    if ((policy[a] as number) > (policy[b] as number))
      throw new ClusterCaError(
        'ERR_POLICY',
        `${words}: ${formatDuration(policy[a] as number)} is more than ${formatDuration(policy[b] as number)}`,
        {
          hint: 'a certificate never outlives its issuer: shorten one or lengthen the other',
        },
      );
  };
  outlives('issuingLifetime', 'rootLifetime', 'the issuing CA would outlive its root');
  outlives('nodeLifetime', 'issuingLifetime', 'node certificates would outlive the issuing CA');
  outlives('crlLifetime', 'issuingLifetime', 'a CRL would outlive the issuing CA');
  for (const name of ['rotateBefore', 'alertBefore'] as const)
    if (policy[name] >= policy.nodeLifetime)
      throw new ClusterCaError(
        'ERR_USAGE',
        `--${name === 'rotateBefore' ? 'rotate' : 'alert'}-before must be shorter than --node-lifetime`,
      );
}

/** A domain, where it is one. @throws ERR_USAGE */
export function checkDomain(domain: string): string {
  if (!isDnsName(domain))
    throw new ClusterCaError('ERR_USAGE', `not a domain: ${JSON.stringify(domain)}`, {
      hint: 'a domain is a lower-case DNS name such as orders.internal',
    });
  return domain;
}

function checkPlane(plane: string): string {
  if (!PLANE.test(plane))
    throw new ClusterCaError('ERR_USAGE', `not a plane: ${JSON.stringify(plane)}`, {
      hint: 'a plane is a lower-case word of at most 16 characters, such as control or data',
    });
  return plane;
}

function checkUrl(url: string): string {
  if (!URL.canParse(url) || !/^https?:\/\/[\x21-\x7e]+$/.test(url))
    throw new ClusterCaError('ERR_USAGE', `not an http URL: ${JSON.stringify(url)}`);
  return url;
}

/** What --permit-ip gives: those ranges and loopback; none for `none`. @throws ERR_USAGE */
export function permittedRanges(given: string[]): string[] {
  if (given.includes('none')) {
    if (given.length > 1) throw new ClusterCaError('ERR_USAGE', '--permit-ip none goes with no other range');
    return [];
  }
  for (const cidr of given)
    if (parseCidr(cidr) === undefined)
      throw new ClusterCaError('ERR_USAGE', `not an address range: ${JSON.stringify(cidr)}`, {
        hint: 'write it in CIDR form with no host bits set, such as 10.20.0.0/16; none permits no address at all',
      });
  return unique([...given, ...LOOPBACK]);
}

function keyType(value: string, allowed: readonly KeyType[], flag: string): KeyType {
  const found = allowed.find((known) => known === value);
  if (found === undefined)
    throw new ClusterCaError('ERR_USAGE', `not a key type for ${flag}: ${value}`, {
      hint: `one of ${allowed.join(', ')}`,
    });
  return found;
}

function unique(values: string[]): string[] {
  return [...new Set(values)];
}
