import { OID } from '../oids.ts';
import { type DistributionPoint, parseDistributionPoints } from '../x509/distribution-point.ts';
import type { Extension } from '../x509/extension.ts';
import {
  type AuthorityKeyIdentifier,
  type BasicConstraints,
  type KeyUsageName,
  parseAuthorityKeyIdentifier,
  parseBasicConstraints,
  parseExtKeyUsage,
  parseKeyUsage,
  parseNameConstraints,
  parseSubjectAltName,
  parseSubjectKeyIdentifier,
} from '../x509/extensions.ts';
import type { GeneralName } from '../x509/general-name.ts';
import { parseAuthorityInfoAccess, parseOcspNoCheck } from '../x509/information-access.ts';
import {
  type PolicyConstraints,
  type PolicyInformation,
  type PolicyMapping,
  parseCertificatePolicies,
  parseInhibitAnyPolicy,
  parsePolicyConstraints,
  parsePolicyMappings,
} from '../x509/policies.ts';
import { type CompiledConstraints, compileConstraints } from './name-constraints/constraints.ts';
import { SubtreeError } from './name-constraints/subtree.ts';

/** The extensions that path processing understands, decoded. A malformed one is undefined here and listed. */
export interface DecodedExtensions {
  basicConstraints?: BasicConstraints;
  keyUsage?: ReadonlySet<KeyUsageName>;
  extKeyUsage?: readonly string[];
  subjectKeyIdentifier?: Uint8Array;
  authorityKeyIdentifier?: AuthorityKeyIdentifier;
  subjectAltName?: readonly GeneralName[];
  nameConstraints?: CompiledConstraints;
  certificatePolicies?: readonly PolicyInformation[];
  policyMappings?: readonly PolicyMapping[];
  policyConstraints?: PolicyConstraints;
  inhibitAnyPolicy?: number;
  cRLDistributionPoints?: readonly DistributionPoint[];
  freshestCRL?: readonly DistributionPoint[];
  malformed: MalformedExtension[];
  /** Types of the critical extensions that are not processed here (RFC 5280 §4.2). */
  unknownCritical: string[];
}

export interface MalformedExtension {
  oid: string;
  code: 'extension-malformed' | 'name-constraints-malformed';
  problem: string;
}

/** CPS pointer and user notice (RFC 5280 §4.2.1.4). */
const KNOWN_QUALIFIERS: readonly string[] = ['1.3.6.1.5.5.7.2.1', '1.3.6.1.5.5.7.2.2'];

/** Decodes every extension that is understood. It never throws: what is wrong is part of the result. */
export function decodeExtensions(extensions: readonly Extension[]): DecodedExtensions {
  const decoded: DecodedExtensions = { malformed: [], unknownCritical: [] };
  for (const extension of extensions) {
    try {
      if (!decodeInto(decoded, extension) && extension.critical) decoded.unknownCritical.push(extension.oid);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      const code = error instanceof SubtreeError ? 'name-constraints-malformed' : 'extension-malformed';
      decoded.malformed.push({ oid: extension.oid, code, problem });
    }
  }
  return decoded;
}

/** @returns false for an extension that is not processed */
function decodeInto(into: DecodedExtensions, { oid, critical, value }: Extension): boolean {
  switch (oid) {
    case OID.basicConstraints:
      into.basicConstraints = parseBasicConstraints(value);
      return true;
    case OID.keyUsage:
      into.keyUsage = parseKeyUsage(value);
      return true;
    case OID.extKeyUsage:
      into.extKeyUsage = parseExtKeyUsage(value);
      return true;
    case OID.subjectKeyIdentifier:
      into.subjectKeyIdentifier = parseSubjectKeyIdentifier(value);
      return true;
    case OID.authorityKeyIdentifier:
      into.authorityKeyIdentifier = parseAuthorityKeyIdentifier(value);
      return true;
    case OID.subjectAltName:
      into.subjectAltName = parseSubjectAltName(value);
      return true;
    case OID.nameConstraints:
      into.nameConstraints = compileConstraints(parseNameConstraints(value));
      return true;
    case OID.certificatePolicies:
      into.certificatePolicies = parseCertificatePolicies(value);
      return !critical || understandsQualifiers(into.certificatePolicies);
    case OID.policyMappings:
      into.policyMappings = parsePolicyMappings(value);
      return true;
    case OID.policyConstraints:
      into.policyConstraints = parsePolicyConstraints(value);
      return true;
    case OID.inhibitAnyPolicy:
      into.inhibitAnyPolicy = parseInhibitAnyPolicy(value);
      return true;
    case OID.cRLDistributionPoints:
      into.cRLDistributionPoints = parseDistributionPoints(value);
      return true;
    case OID.freshestCRL:
      into.freshestCRL = parseDistributionPoints(value);
      return true;
    // These two say where to ask, and what need not be asked, about revocation: nothing that the rules of a path depend
    // on. So they are known whether critical or not; that issuers must not mark the first so is for --strict.
    case OID.authorityInfoAccess:
      parseAuthorityInfoAccess(value);
      return true;
    case OID.ocspNoCheck:
      parseOcspNoCheck(value);
      return true;
    default:
      return false;
  }
}

/** A critical policy with a qualifier that is not understood refuses the certificate (RFC 5280 §4.2.1.4). */
function understandsQualifiers(policies: readonly PolicyInformation[]): boolean {
  return policies.every(({ qualifiers }) => qualifiers.every((qualifier) => KNOWN_QUALIFIERS.includes(qualifier)));
}

const NAMES: ReadonlyMap<string, string> = new Map(Object.entries(OID).map(([name, oid]) => [oid, name]));

/** The name of an extension or purpose in the RFCs, or its dotted form. */
export function oidName(oid: string): string {
  return NAMES.get(oid) ?? oid;
}
