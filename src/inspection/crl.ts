import { readDer } from '../pki/der/reader.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { OID } from '../pki/oids.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import type { Crl } from '../pki/x509/crl.ts';
import { findExtension } from '../pki/x509/extension.ts';
import { nameText } from './certificate-object.ts';
import type { InspectionContext } from './context.ts';
import { describeEntry, hasUnknownCritical, type RevokedCertificate } from './crl-entry.ts';
import { describeExtensions, type ExtensionSummary } from './extension-details.ts';
import { issuingDistributionPointOf } from './extension-values.ts';
import { extensionName, isWeakSignature, signatureName } from './oid-names.ts';
import { critical, messageOf, type Problem, warning } from './problem.ts';
import { decimalText } from './serial-text.ts';
import { rfc3339 } from './time.ts';

/** Entries of one CRL that a document lists; `revokedCount` counts them all. */
export const CRL_ENTRIES_LISTED = 100_000;

/** A certificate revocation list. */
export interface CrlDescription {
  issuer: string;
  /** The CRL number in decimal. */
  number?: string;
  thisUpdate: string;
  nextUpdate?: string;
  status: 'current' | 'expired' | 'not-yet-valid';
  version: 1 | 2;
  signatureAlgorithm: string;
  /** By the issuer's certificate, where the same file has it. */
  signature: 'valid' | 'invalid' | 'not-checked';
  /** Fingerprint of the certificate whose key signed it. */
  signedBy?: string;
  /** SHA-256 of the DER. */
  fingerprint: string;
  authorityKeyIdentifier?: string;
  /** Of a delta CRL: the number of the CRL that it adds to. */
  deltaOf?: string;
  issuingDistributionPoint?: { names: string[]; scope: string[] };
  extensions: ExtensionSummary[];
  revokedCount: number;
  /** How many for each reason; `unspecified` where an entry gives none. */
  reasons: Record<string, number>;
  /** The first 100,000, in the CRL's order. */
  revoked: RevokedCertificate[];
  problems: Problem[];
}

/** Describes a CRL; the certificates are those of the same file, one of which may have signed it. */
export function describeCrl(crl: Crl, issuers: readonly Certificate[], context: InspectionContext): CrlDescription {
  const { details, problems } = describeExtensions(crl.extensions);
  const now = context.now.getTime();
  const status = now < crl.thisUpdate ? 'not-yet-valid' : now > (crl.nextUpdate ?? now) + 999 ? 'expired' : 'current';
  const entries = describeEntries(crl, problems);
  problems.push(...crlProblems(crl, status));
  const { authorityKeyIdentifier } = details;
  return {
    issuer: nameText(crl.issuer),
    ...numberFields(crl, problems),
    thisUpdate: rfc3339(crl.thisUpdate),
    ...(crl.nextUpdate === undefined ? {} : { nextUpdate: rfc3339(crl.nextUpdate) }),
    status,
    version: crl.version,
    signatureAlgorithm: signatureName(crl.signatureAlgorithm.oid),
    ...signatureFields(crl, issuers, context, problems),
    fingerprint: toHex(context.sha256(crl.der)),
    ...(authorityKeyIdentifier && { authorityKeyIdentifier }),
    extensions: details.extensions,
    ...entries,
    problems,
  };
}

function describeEntries(crl: Crl, problems: Problem[]): Pick<CrlDescription, 'revokedCount' | 'reasons' | 'revoked'> {
  const reasons = new Map<string, number>();
  const revoked: RevokedCertificate[] = [];
  let revokedCount = 0;
  let unknownCritical = false;
  try {
    for (const entry of crl.entries()) {
      revokedCount++;
      unknownCritical ||= hasUnknownCritical(entry);
      const described = describeEntry(entry);
      const reason = described.revocationReason ?? 'unspecified';
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      if (revoked.length < CRL_ENTRIES_LISTED) revoked.push(described);
    }
  } catch (error) {
    problems.push(
      critical('malformed-entry', `entry ${revokedCount}: ${messageOf(error)}; the entries behind it are not shown`),
    );
  }
  if (unknownCritical)
    problems.push(critical('unknown-critical-extension', 'an entry has a critical extension that is unknown'));
  return { revokedCount, reasons: Object.fromEntries(reasons), revoked };
}

function crlProblems(crl: Crl, status: CrlDescription['status']): Problem[] {
  const problems: Problem[] = [];
  if (status === 'expired')
    problems.push(critical('expired', 'its nextUpdate has passed: servers that read it refuse everybody'));
  if (status === 'not-yet-valid') problems.push(critical('not-yet-valid', 'its thisUpdate is in the future'));
  if (crl.nextUpdate === undefined)
    problems.push(warning('no-next-update', 'it has no nextUpdate (RFC 5280 §5.1.2.5)'));
  if (isWeakSignature(crl.signatureAlgorithm.oid))
    problems.push(
      critical('weak-signature', `the signature is ${signatureName(crl.signatureAlgorithm.oid)}, which can be forged`),
    );
  if (!equalBytes(crl.tbsSignature.der, crl.signatureAlgorithm.der))
    problems.push(
      critical(
        'signature-algorithm-differs',
        'the signature algorithm outside is not the one inside (RFC 5280 §5.1.1.2)',
      ),
    );
  for (const { oid, critical: isCritical } of crl.extensions)
    if (isCritical && extensionName(oid) === undefined)
      problems.push(critical('unknown-critical-extension', `extension ${oid} is critical and unknown`));
  return problems;
}

/** Number, delta and scope: extensions that only CRLs have. */
function numberFields(
  crl: Crl,
  problems: Problem[],
): Pick<CrlDescription, 'number' | 'deltaOf' | 'issuingDistributionPoint'> {
  const read = <T>(type: string, decode: (value: Uint8Array) => T): T | undefined => {
    const extension = findExtension(crl.extensions, type);
    if (extension === undefined) return undefined;
    try {
      return decode(extension.value);
    } catch (error) {
      problems.push(critical('malformed-extension', `extension ${extensionName(type) ?? type}: ${messageOf(error)}`));
      return undefined;
    }
  };
  const integer = (value: Uint8Array): string => decimalText(readDer(value, (reader) => reader.integer()));
  const number = read(OID.cRLNumber, integer);
  const deltaOf = read(OID.deltaCRLIndicator, integer);
  const point = read(OID.issuingDistributionPoint, issuingDistributionPointOf);
  return { ...(number && { number }), ...(deltaOf && { deltaOf }), ...(point && { issuingDistributionPoint: point }) };
}

function signatureFields(
  crl: Crl,
  issuers: readonly Certificate[],
  context: InspectionContext,
  problems: Problem[],
): Pick<CrlDescription, 'signature' | 'signedBy'> {
  const named = issuers.filter((issuer) => equalBytes(issuer.subject, crl.issuer)).slice(0, 8);
  if (named.length === 0) return { signature: 'not-checked' };
  const signer = named.find(({ publicKey }) =>
    context.verifySignature(publicKey, crl.signatureAlgorithm, crl.tbs, crl.signature),
  );
  if (signer !== undefined) return { signature: 'valid', signedBy: toHex(context.sha256(signer.der)) };
  problems.push(critical('signature', "no key of its issuer's certificates in this file made the signature"));
  return { signature: 'invalid' };
}
