import { DerError } from '../der/error.ts';
import { type DerReader, readDer } from '../der/reader.ts';
import { contextTag } from '../der/tags.ts';

export interface PolicyInformation {
  policyIdentifier: string;
  /** Types of its qualifiers; their content is for people and not decoded. */
  qualifiers: string[];
}

export interface PolicyMapping {
  issuerDomainPolicy: string;
  subjectDomainPolicy: string;
}

export interface PolicyConstraints {
  requireExplicitPolicy: number | undefined;
  inhibitPolicyMapping: number | undefined;
}

/** RFC 5280 §4.2.1.4: at least one policy, none twice. @throws DerError, as all decoders here do */
export function parseCertificatePolicies(value: Uint8Array): PolicyInformation[] {
  return readDer(value, (reader) => {
    const list = reader.enter();
    const policies: PolicyInformation[] = [];
    const seen = new Set<string>();
    do {
      const policy = readPolicyInformation(list.enter());
      if (seen.has(policy.policyIdentifier)) throw new DerError(`policy ${policy.policyIdentifier} appears twice`);
      seen.add(policy.policyIdentifier);
      policies.push(policy);
    } while (!list.done);
    return policies;
  });
}

function readPolicyInformation(reader: DerReader): PolicyInformation {
  const policyIdentifier = reader.oid();
  const qualifiers: string[] = [];
  if (!reader.done) {
    const list = reader.enter();
    do {
      const qualifier = list.enter();
      qualifiers.push(qualifier.oid());
      qualifier.raw();
      qualifier.end();
    } while (!list.done);
  }
  reader.end();
  return { policyIdentifier, qualifiers };
}

/** RFC 5280 §4.2.1.5. */
export function parsePolicyMappings(value: Uint8Array): PolicyMapping[] {
  return readDer(value, (reader) => {
    const list = reader.enter();
    const mappings: PolicyMapping[] = [];
    do {
      const pair = list.enter();
      mappings.push({ issuerDomainPolicy: pair.oid(), subjectDomainPolicy: pair.oid() });
      pair.end();
    } while (!list.done);
    return mappings;
  });
}

/** RFC 5280 §4.2.1.11: never an empty sequence. */
export function parsePolicyConstraints(value: Uint8Array): PolicyConstraints {
  return readDer(value, (reader) => {
    const inner = reader.enter();
    if (inner.done) throw new DerError('policy constraints without a field');
    const optional = (tag: number): number | undefined => (inner.peek() === tag ? inner.cappedInteger(tag) : undefined);
    const requireExplicitPolicy = optional(contextTag(0, false));
    const inhibitPolicyMapping = optional(contextTag(1, false));
    inner.end();
    return { requireExplicitPolicy, inhibitPolicyMapping };
  });
}

/** RFC 5280 §4.2.1.14: how many more certificates may use anyPolicy. */
export function parseInhibitAnyPolicy(value: Uint8Array): number {
  return readDer(value, (reader) => reader.cappedInteger());
}
