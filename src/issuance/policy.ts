import { ClusterCaError } from '../errors.ts';
import type { Policy } from '../keystore/log/bodies.ts';
import { LIMITS } from '../pki/limits.ts';
import { OID } from '../pki/oids.ts';
import {
  type CompiledConstraints,
  compileConstraints,
  findViolations,
} from '../pki/path/name-constraints/constraints.ts';
import { constrainedNames } from '../pki/path/name-constraints/names.ts';
import { validityFor } from '../pki/validity.ts';
import { KEY_TYPES } from '../pki/x509/algorithm.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { isDnsName } from '../pki/x509/dns-name.ts';
import { findExtension } from '../pki/x509/extension.ts';
import { type NameConstraints, parseNameConstraints } from '../pki/x509/extensions.ts';
import { formatGeneralName, type GeneralName } from '../pki/x509/general-name.ts';
import { keyTypeOf, parsePublicKeyInfo, rsaModulusBits } from '../pki/x509/public-key.ts';
import { formatDuration } from '../values/duration.ts';
import { describeItem, type IssueItem, itemNames } from './item.ts';

export interface PolicyContext {
  policy: Policy;
  /** The certificate of the issuing CA that will sign. */
  issuer: Certificate;
  now: Date;
}

/**
 * Holds one request against the policy, before anything is reserved or a passphrase is asked for.
 * @throws ERR_POLICY naming the item and what it may not have
 */
export function checkItem(item: IssueItem, context: PolicyContext): void {
  const who = (): string =>
    item.origin === undefined ? describeItem(item) : `${item.origin()}: ${describeItem(item)}`;
  checkNames(item, context, who);
  checkLifetime(item, context, who);
  if (item.publicKey !== undefined) checkPublicKey(item.publicKey, who());
}

/** Refuses a key that this CA does not certify. @throws ERR_POLICY */
export function checkPublicKey(spki: Uint8Array, who: string): void {
  const info = parsePublicKeyInfo(spki);
  if (keyTypeOf(info) !== undefined) return;
  const bits = rsaModulusBits(info);
  throw new ClusterCaError(
    'ERR_POLICY',
    bits === undefined
      ? `${who}: the key's type is not one that this CA certifies`
      : `${who}: an RSA key of ${bits} bits is not certified`,
    { hint: `use one of ${KEY_TYPES.join(', ')}` },
  );
}

function checkNames(item: IssueItem, { policy, issuer }: PolicyContext, who: () => string): void {
  const names = itemNames(item, policy);
  if (names.length > LIMITS.names)
    throw new ClusterCaError('ERR_POLICY', `${who()}: ${names.length} names are more than ${LIMITS.names}`);
  const wildcard = names.find((name) => name.type === 'dns' && name.value.startsWith('*.'));
  if (wildcard !== undefined && !item.wildcards)
    throw new ClusterCaError(
      'ERR_POLICY',
      `${item.originOf?.(formatGeneralName(wildcard)) ?? who()}: a wildcard must be asked for: ${formatGeneralName(wildcard)}`,
      {
        hint: `cluster-ca issue ${item.name} --dns '${String(wildcard.value)}'`,
      },
    );
  // Some verifiers take a common name that looks like a DNS name for one.
  const alike: GeneralName[] =
    item.kind === 'client' && item.name.includes('.') && isDnsName(item.name.toLowerCase())
      ? [{ type: 'dns', value: item.name.toLowerCase() }]
      : [];
  const altNames = [...names, ...alike];
  if (violations(issuer, altNames) === 0) return;
  const outside = altNames.find((name) => violations(issuer, [name]) > 0);
  const text = outside === undefined ? 'a name' : formatGeneralName(outside);
  const where = item.originOf?.(text);
  throw new ClusterCaError(
    'ERR_POLICY',
    `${where === undefined ? who() : `${where}: ${describeItem(item)}`}: ${text} is outside the issuing CA's name constraints`,
    {
      hint: `permitted are ${permitted(policy)}; new names need a new issuing CA: cluster-ca rollover start --issuing ${outside?.type === 'ip' ? `--permit-ip ${String(text).slice(3)}/${outside.value.length === 4 ? 32 : 128}` : `--domain ${domainOf(outside)}`}`,
      details: { name: text },
    },
  );
}

function domainOf(name: GeneralName | undefined): string {
  if (name?.type !== 'dns') return 'DOMAIN';
  const labels = name.value.replace(/^\*\./, '').split('.');
  return labels.length > 2 ? labels.slice(1).join('.') : labels.join('.');
}

function permitted(policy: Policy): string {
  const ranges = policy.permitIp.length === 0 ? 'no address' : policy.permitIp.join(', ');
  return `${policy.domains.join(', ')}, localhost; ${ranges}`;
}

const compiled = new WeakMap<Certificate, CompiledConstraints>();

/** How many of the names a CA's constraints forbid. They are compiled once for a CA. */
function violations(issuer: Certificate, altNames: GeneralName[]): number {
  let ready = compiled.get(issuer);
  if (ready === undefined) {
    ready = compileConstraints(nameConstraintsOf(issuer) ?? { permitted: [], excluded: [] });
    compiled.set(issuer, ready);
  }
  return findViolations(ready, constrainedNames([], altNames)).length;
}

/** The name constraints of a CA; undefined when it has none. */
function nameConstraintsOf(issuer: Certificate): NameConstraints | undefined {
  const extension = findExtension(issuer.extensions, OID.nameConstraints);
  return extension && parseNameConstraints(extension.value);
}

/** Refuses a CA that has ended. @throws ERR_POLICY */
export function checkIssuer({ issuer, now }: Pick<PolicyContext, 'issuer' | 'now'>): void {
  if (issuer.notAfter <= now.getTime())
    throw new ClusterCaError('ERR_POLICY', `the issuing CA has ended on ${new Date(issuer.notAfter).toISOString()}`, {
      hint: 'cluster-ca rollover start --issuing makes a new one',
    });
}

function checkLifetime(item: IssueItem, { issuer, now }: PolicyContext, who: () => string): void {
  checkIssuer({ issuer, now });
  if (item.lifetime === undefined) return;
  if (validityFor(now, item.lifetime * 1000).notAfter.getTime() > issuer.notAfter)
    throw new ClusterCaError(
      'ERR_POLICY',
      `${who()}: a lifetime of ${formatDuration(item.lifetime)} goes beyond the issuing CA, which ends on ${new Date(issuer.notAfter).toISOString()}`,
      { hint: 'ask for less, or leave --lifetime out: then it is capped' },
    );
}
