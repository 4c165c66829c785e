import { DerError } from '../der/error.ts';
import { type DerReader, readDer } from '../der/reader.ts';
import { contextTag } from '../der/tags.ts';
import { type GeneralName, readGeneralNames } from './general-name.ts';
import { type Attribute, readRdn } from './name.ts';

/** RFC 5280 §4.2.1.13: full names, or one RDN to be appended to the CRL issuer's name. */
export type DistributionPointName =
  | { type: 'fullName'; names: GeneralName[] }
  | { type: 'nameRelativeToCRLIssuer'; rdn: Attribute[] };

/** A set of ReasonFlags: bit n of the number is bit n of the ASN.1 type. */
export type ReasonMask = number;

/** Every reason of RFC 5280 §4.2.1.13 (bit 0 is unused). */
export const ALL_REASONS: ReasonMask = 0x1fe;

export interface DistributionPoint {
  name: DistributionPointName | undefined;
  reasons: ReasonMask | undefined;
  cRLIssuer: GeneralName[] | undefined;
}

export interface IssuingDistributionPoint {
  name: DistributionPointName | undefined;
  onlyContainsUserCerts: boolean;
  onlyContainsCACerts: boolean;
  onlySomeReasons: ReasonMask | undefined;
  indirectCRL: boolean;
  onlyContainsAttributeCerts: boolean;
}

/** RFC 5280 §4.2.1.13, and §4.2.1.15 for freshestCRL. @throws DerError */
export function parseDistributionPoints(value: Uint8Array): DistributionPoint[] {
  return readDer(value, (reader) => {
    const list = reader.enter();
    const points: DistributionPoint[] = [];
    do points.push(readDistributionPoint(list.enter()));
    while (!list.done);
    return points;
  });
}

function readDistributionPoint(reader: DerReader): DistributionPoint {
  const name = readPointName(reader);
  const reasons = readReasons(reader, contextTag(1, false));
  const issuer = reader.enterOptional(contextTag(2, true));
  const cRLIssuer = issuer === undefined ? undefined : readGeneralNames(issuer);
  reader.end();
  if (name === undefined && cRLIssuer === undefined)
    throw new DerError('distribution point with neither a name nor a CRL issuer');
  return { name, reasons, cRLIssuer };
}

/** RFC 5280 §5.2.5: not empty, and at most one of the three `onlyContains…`. @throws DerError */
export function parseIssuingDistributionPoint(value: Uint8Array): IssuingDistributionPoint {
  return readDer(value, (reader) => {
    const inner = reader.enter();
    if (inner.done) throw new DerError('empty issuing distribution point');
    const name = readPointName(inner);
    const onlyContainsUserCerts = readFlag(inner, 1);
    const onlyContainsCACerts = readFlag(inner, 2);
    const onlySomeReasons = readReasons(inner, contextTag(3, false));
    const indirectCRL = readFlag(inner, 4);
    const onlyContainsAttributeCerts = readFlag(inner, 5);
    inner.end();
    if (Number(onlyContainsUserCerts) + Number(onlyContainsCACerts) + Number(onlyContainsAttributeCerts) > 1)
      throw new DerError('issuing distribution point with more than one kind of certificate');
    return {
      name,
      onlyContainsUserCerts,
      onlyContainsCACerts,
      onlySomeReasons,
      indirectCRL,
      onlyContainsAttributeCerts,
    };
  });
}

function readPointName(reader: DerReader): DistributionPointName | undefined {
  const explicit = reader.enterOptional(contextTag(0, true));
  if (explicit === undefined) return undefined;
  const full = explicit.enterOptional(contextTag(0, true));
  const name: DistributionPointName =
    full === undefined
      ? { type: 'nameRelativeToCRLIssuer', rdn: readRdn(explicit.enter(contextTag(1, true))) }
      : { type: 'fullName', names: readGeneralNames(full) };
  explicit.end();
  return name;
}

function readReasons(reader: DerReader, tag: number): ReasonMask | undefined {
  if (reader.peek() !== tag) return undefined;
  const { bytes, unused } = reader.bitString(tag);
  let mask = 0;
  for (let bit = 0; bit < bytes.length * 8 - unused && bit < 9; bit++)
    if (((bytes[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0) mask |= 1 << bit;
  return mask & ALL_REASONS;
}

function readFlag(reader: DerReader, number: number): boolean {
  const tag = contextTag(number, false);
  return reader.peek() === tag && reader.boolean(tag);
}
