import { DerError } from '../der/error.ts';
import { type DerReader, readDer } from '../der/reader.ts';
import { contextTag } from '../der/tags.ts';
import { boolean, namedBits, octetString, oid, sequence, setOf, tlv, unsignedInteger } from '../der/writer.ts';
import { OID } from '../oids.ts';
import type { Extension } from './extension.ts';
import { encodeGeneralName, type GeneralName, readGeneralName, readGeneralNames } from './general-name.ts';

/** Key usage bits by number (RFC 5280 §4.2.1.3). */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsageName = (typeof KEY_USAGES)[number];

export interface BasicConstraints {
  cA: boolean;
  pathLenConstraint: number | undefined;
}

export interface AuthorityKeyIdentifier {
  keyIdentifier: Uint8Array | undefined;
  authorityCertIssuer: GeneralName[] | undefined;
  authorityCertSerialNumber: Uint8Array | undefined;
}

export interface GeneralSubtree {
  base: GeneralName;
}

export interface NameConstraints {
  permitted: GeneralSubtree[];
  excluded: GeneralSubtree[];
}

/**
 * RFC 5280 §4.2.1.9. An encoded FALSE is no DER (X.690 §11.5), but many issuers write it, and it is accepted.
 * @throws DerError, as all decoders here do
 */
export function parseBasicConstraints(value: Uint8Array): BasicConstraints {
  return readDer(value, (reader) => {
    const inner = reader.enter();
    const cA = inner.peek() === 0x01 && inner.boolean();
    const pathLenConstraint = inner.done ? undefined : inner.cappedInteger();
    inner.end();
    return { cA, pathLenConstraint };
  });
}

/** RFC 5280 §4.2.1.3: at least one bit set. */
export function parseKeyUsage(value: Uint8Array): Set<KeyUsageName> {
  return readDer(value, (reader) => {
    const { bytes, unused } = reader.bitString();
    const usages = new Set<KeyUsageName>();
    for (let bit = 0; bit < bytes.length * 8 - unused; bit++) {
      const name = KEY_USAGES[bit];
      if (name !== undefined && ((bytes[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0) usages.add(name);
    }
    return usages;
  });
}

/** RFC 5280 §4.2.1.12: the purposes, as object identifiers, at least one. */
export function parseExtKeyUsage(value: Uint8Array): string[] {
  return readDer(value, (reader) => {
    const inner = reader.enter();
    const purposes: string[] = [];
    do purposes.push(inner.oid());
    while (!inner.done);
    return purposes;
  });
}

/** RFC 5280 §4.2.1.2. */
export function parseSubjectKeyIdentifier(value: Uint8Array): Uint8Array {
  return readDer(value, (reader) => reader.content(0x04));
}

/** RFC 5280 §4.2.1.1. */
export function parseAuthorityKeyIdentifier(value: Uint8Array): AuthorityKeyIdentifier {
  return readDer(value, (reader) => {
    const inner = reader.enter();
    const keyIdentifier = inner.contentOptional(contextTag(0, false));
    const issuer = inner.enterOptional(contextTag(1, true));
    const authorityCertIssuer = issuer === undefined ? undefined : readGeneralNames(issuer);
    const serialTag = contextTag(2, false);
    const authorityCertSerialNumber = inner.peek() === serialTag ? inner.integer(serialTag) : undefined;
    inner.end();
    return { keyIdentifier, authorityCertIssuer, authorityCertSerialNumber };
  });
}

/** RFC 5280 §4.2.1.6: at least one name. */
export function parseSubjectAltName(value: Uint8Array): GeneralName[] {
  return readDer(value, (reader) => readGeneralNames(reader.enter()));
}

/** RFC 5280 §4.2.1.10: minimum is 0 (which DER leaves out, but not every issuer), maximum absent; at least one subtree in all. */
export function parseNameConstraints(value: Uint8Array): NameConstraints {
  return readDer(value, (reader) => {
    const inner = reader.enter();
    const permitted = readSubtrees(inner.enterOptional(contextTag(0, true)));
    const excluded = readSubtrees(inner.enterOptional(contextTag(1, true)));
    inner.end();
    if (permitted.length + excluded.length === 0) throw new DerError('name constraints without a subtree');
    return { permitted, excluded };
  });
}

const MINIMUM = contextTag(0, false);

function readSubtrees(reader: DerReader | undefined): GeneralSubtree[] {
  const subtrees: GeneralSubtree[] = [];
  if (reader === undefined) return subtrees;
  do {
    const subtree = reader.enter();
    const base = readGeneralName(subtree);
    if (subtree.peek() === MINIMUM && subtree.cappedInteger(MINIMUM) !== 0)
      throw new DerError('subtree with a minimum other than 0');
    subtree.end();
    subtrees.push({ base });
  } while (!reader.done);
  return subtrees;
}

export function basicConstraints(cA: boolean, pathLenConstraint?: number): Extension {
  const parts = cA ? [boolean(true)] : [];
  if (pathLenConstraint !== undefined) parts.push(unsignedInteger(pathLenConstraint));
  return { oid: OID.basicConstraints, critical: true, value: sequence(...parts) };
}

export function keyUsage(...usages: KeyUsageName[]): Extension {
  return { oid: OID.keyUsage, critical: true, value: namedBits(usages.map((usage) => KEY_USAGES.indexOf(usage))) };
}

export function extKeyUsage(purposes: string[], critical = false): Extension {
  return { oid: OID.extKeyUsage, critical, value: sequence(...purposes.map(oid)) };
}

export function subjectKeyIdentifier(keyIdentifier: Uint8Array): Extension {
  return { oid: OID.subjectKeyIdentifier, critical: false, value: octetString(keyIdentifier) };
}

export function authorityKeyIdentifier(keyIdentifier: Uint8Array): Extension {
  return {
    oid: OID.authorityKeyIdentifier,
    critical: false,
    value: sequence(tlv(contextTag(0, false), keyIdentifier)),
  };
}

export function subjectAltName(names: GeneralName[], critical = false): Extension {
  return { oid: OID.subjectAltName, critical, value: sequence(...names.map(encodeGeneralName)) };
}

export function nameConstraints(constraints: NameConstraints): Extension {
  const list = (tag: number, subtrees: GeneralSubtree[]): Uint8Array[] =>
    subtrees.length === 0
      ? []
      : [tlv(contextTag(tag, true), ...subtrees.map((s) => sequence(encodeGeneralName(s.base))))];
  const value = sequence(...list(0, constraints.permitted), ...list(1, constraints.excluded));
  return { oid: OID.nameConstraints, critical: true, value };
}

/** One distribution point of one URI, as fullName (RFC 5280 §4.2.1.13). */
export function cRLDistributionPoints(uri: string): Extension {
  const fullName = tlv(contextTag(0, true), encodeGeneralName({ type: 'uri', value: uri }));
  return {
    oid: OID.cRLDistributionPoints,
    critical: false,
    value: sequence(sequence(tlv(contextTag(0, true), fullName))),
  };
}

/** A critical issuingDistributionPoint of one URI, without a scope (RFC 5280 §5.2.5). */
export function issuingDistributionPoint(uri: string): Extension {
  const fullName = tlv(contextTag(0, true), encodeGeneralName({ type: 'uri', value: uri }));
  return { oid: OID.issuingDistributionPoint, critical: true, value: sequence(tlv(contextTag(0, true), fullName)) };
}

export function cRLNumber(number: bigint): Extension {
  return { oid: OID.cRLNumber, critical: false, value: unsignedInteger(number) };
}

/** The extensionRequest attribute of a certification request (RFC 2985 §5.4.2) over these encoded extensions. */
export function extensionRequest(extensions: Uint8Array[]): Uint8Array {
  return sequence(oid(OID.extensionRequest), setOf(sequence(...extensions)));
}
