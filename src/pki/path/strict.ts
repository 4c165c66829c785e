import { TAG } from '../der/tags.ts';
import { OID } from '../oids.ts';
import type { PathContext } from './context.ts';
import { type PathFailure, pathFailure } from './failure.ts';
import type { FailureCode } from './failure-codes.ts';
import { isPreferredSyntax } from './names/dns.ts';
import { parseMailbox } from './names/email.ts';
import { normalizeUri } from './names/uri.ts';
import type { PathCertificate } from './path-certificate.ts';
import { mapsAnyPolicy } from './policies.ts';
import type { Position } from './position.ts';

/**
 * What RFC 5280 asks of issuers and not of verifiers (`--strict`): a certificate that breaks it may still be
 * validated safely, but no conforming CA makes it. Of an anchor only what concerns it as a CA counts.
 */
export function issuerProfile(context: PathContext, certificate: PathCertificate, position: Position): PathFailure[] {
  const failures: PathFailure[] = [];
  const fail = (code: FailureCode, message: string): void => {
    failures.push(pathFailure(code, certificate, message));
  };
  const isCa = position !== 'target' || certificate.extensions.basicConstraints?.cA === true;
  if (position !== 'anchor') serialNumber(certificate, fail);
  if (position !== 'anchor') validity(certificate, fail);
  names(certificate, isCa, fail);
  keyIdentifiers(context, certificate, position, isCa, fail);
  usages(certificate, position, isCa, fail);
  constraints(certificate, isCa, fail);
  policies(certificate, isCa, fail);
  subjectAltName(certificate, fail);
  if (isCritical(certificate, OID.authorityInfoAccess))
    fail('strict-authority-info-access', 'authority information access is critical');
  return failures;
}

type Fail = (code: FailureCode, message: string) => void;

function serialNumber({ certificate: { serialNumber: serial } }: PathCertificate, fail: Fail): void {
  const first = serial[0] as number;
  if (first >= 0x80) fail('strict-serial-number', 'serial number is negative');
  else if (serial.every((octet) => octet === 0)) fail('strict-serial-number', 'serial number is zero');
  else if (serial.length > 20) fail('strict-serial-number', `serial number of ${serial.length} octets`);
}

const YEAR_1950 = Date.UTC(1950, 0);
const YEAR_2050 = Date.UTC(2050, 0);

/** Both times are in the Validity's first octets: two are never so long that a length takes more than one. */
function validity({ certificate: { validity: der, notBefore, notAfter } }: PathCertificate, fail: Fail): void {
  const second = 4 + (der[3] as number);
  const times = [
    { field: 'notBefore', tag: der[2], at: notBefore },
    { field: 'notAfter', tag: der[second], at: notAfter },
  ];
  for (const { field, tag, at } of times)
    if (tag === TAG.generalizedTime && at >= YEAR_1950 && at < YEAR_2050)
      fail('strict-validity', `${field} is a GeneralizedTime although it is before 2050`);
}

function names(certificate: PathCertificate, isCa: boolean, fail: Fail): void {
  if (certificate.issuerName.length === 0) fail('strict-subject', 'issuer is empty');
  if (certificate.subjectName.length > 0) return;
  if (isCa) fail('strict-subject', 'subject of a CA is empty');
  else if (certificate.extensions.subjectAltName === undefined)
    fail('strict-subject', 'subject is empty, and there are no subject alternative names');
}

function keyIdentifiers(
  context: PathContext,
  certificate: PathCertificate,
  position: Position,
  isCa: boolean,
  fail: Fail,
): void {
  const { authorityKeyIdentifier, subjectKeyIdentifier } = certificate.extensions;
  if (isCritical(certificate, OID.authorityKeyIdentifier)) fail('strict-aki', 'authority key identifier is critical');
  const maySelfSign = position === 'anchor' || certificate.selfIssued;
  if (
    authorityKeyIdentifier?.keyIdentifier === undefined &&
    !(maySelfSign && context.verifies(certificate.certificate, certificate))
  )
    fail('strict-aki', 'no authority key identifier with a key identifier');
  if (isCritical(certificate, OID.subjectKeyIdentifier)) fail('strict-ski', 'subject key identifier is critical');
  if (isCa && subjectKeyIdentifier === undefined) fail('strict-ski', 'a CA without subject key identifier');
}

function usages(certificate: PathCertificate, position: Position, isCa: boolean, fail: Fail): void {
  const { keyUsage, basicConstraints } = certificate.extensions;
  if (keyUsage?.size === 0) fail('strict-key-usage', 'key usage without a bit set');
  if (position === 'intermediate' && keyUsage === undefined) fail('strict-key-usage', 'a CA without key usage');
  if (!isCa && keyUsage?.has('keyCertSign') === true) fail('strict-key-usage', 'keyCertSign although cA is false');
  if (isCa && basicConstraints === undefined) fail('strict-basic-constraints', 'a CA without basic constraints');
  else if (isCa && !isCritical(certificate, OID.basicConstraints))
    fail('strict-basic-constraints', 'basic constraints of a CA are not critical');
  if (basicConstraints?.pathLenConstraint !== undefined && !basicConstraints.cA)
    fail('strict-basic-constraints', 'a path length although cA is false');
}

function constraints(certificate: PathCertificate, isCa: boolean, fail: Fail): void {
  const { nameConstraints } = certificate.extensions;
  if (nameConstraints !== undefined) {
    if (!isCa) fail('strict-name-constraints', 'name constraints outside a CA certificate');
    if (!isCritical(certificate, OID.nameConstraints)) fail('strict-name-constraints', 'name constraints not critical');
    if (nameConstraints.leadingPeriod) fail('strict-name-constraints', 'a DNS subtree begins with a period');
  }
}

/** Policy constraints, inhibitAnyPolicy and mappings are for CAs (RFC 5280 §4.2.1.5, §4.2.1.11, §4.2.1.14). */
function policies(certificate: PathCertificate, isCa: boolean, fail: Fail): void {
  const { policyConstraints, inhibitAnyPolicy, policyMappings } = certificate.extensions;
  if (!isCa && policyConstraints !== undefined) fail('strict-policies', 'policy constraints outside a CA certificate');
  if (!isCa && inhibitAnyPolicy !== undefined) fail('strict-policies', 'inhibitAnyPolicy outside a CA certificate');
  if (!isCa && policyMappings !== undefined) fail('strict-policies', 'policy mappings outside a CA certificate');
  if (policyConstraints !== undefined && !isCritical(certificate, OID.policyConstraints))
    fail('strict-policies', 'policy constraints not critical');
  if (inhibitAnyPolicy !== undefined && !isCritical(certificate, OID.inhibitAnyPolicy))
    fail('strict-policies', 'inhibitAnyPolicy not critical');
  if (policyMappings !== undefined && mapsAnyPolicy(policyMappings))
    fail('strict-policies', 'a policy mapping from or to anyPolicy');
}

function subjectAltName(certificate: PathCertificate, fail: Fail): void {
  const { subjectAltName: altNames } = certificate.extensions;
  if (certificate.subjectName.length === 0 && altNames !== undefined && !isCritical(certificate, OID.subjectAltName))
    fail('strict-subject-alt-name', 'subject alternative names not critical although the subject is empty');
  for (const name of altNames ?? []) {
    const malformed =
      (name.type === 'dns' && !isPreferredSyntax(name.value)) ||
      (name.type === 'email' && parseMailbox(name.value) === undefined) ||
      (name.type === 'uri' && normalizeUri(name.value) === undefined) ||
      (name.type === 'ip' && name.value.length !== 4 && name.value.length !== 16);
    if (malformed) fail('strict-subject-alt-name', `malformed name of the form ${name.type}`);
  }
}

function isCritical(certificate: PathCertificate, oid: string): boolean {
  return certificate.certificate.extensions.some((extension) => extension.oid === oid && extension.critical);
}
