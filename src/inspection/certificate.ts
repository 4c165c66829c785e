import { equalBytes } from '../pki/der/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { isWithin } from '../pki/validity.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { type CertificateFields, certificateFields } from './certificate-object.ts';
import { certificateProblems } from './certificate-problems.ts';
import type { InspectionContext } from './context.ts';
import { describeExtensions, type ExtensionDetails } from './extension-details.ts';
import { type Identity, identityOf } from './identity.ts';
import { signatureName } from './oid-names.ts';
import type { Problem } from './problem.ts';

export type CertificateStatus = 'valid' | 'expired' | 'not-yet-valid';

/** What only the keystore's log knows of a certificate (cli.md's certificate object). */
export interface LogFields {
  issuedTo?: 'node' | 'client' | 'probe';
  /** The id of the issuing CA. */
  authority?: string;
  dueAt?: string;
  revokedAt?: string;
  revocationReason?: string;
}

/** A certificate as `inspect` describes it: cli.md's certificate object as far as it says it itself, and more. */
export interface CertificateDescription extends CertificateFields, Identity, ExtensionDetails, LogFields {
  /** By its dates; of a certificate that the log knows, by the log. */
  status: CertificateStatus | 'revoked' | 'superseded';
  /** By basicConstraints: a root is a CA certificate that is self-issued. */
  role: 'root' | 'issuing' | 'end-entity';
  version: 1 | 2 | 3;
  /** Issuer and subject are the same and its own key verifies the signature. */
  selfSigned: boolean;
  signatureAlgorithm: string;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex: what pairs a certificate with its key. */
  spkiSha256: string;
  problems: Problem[];
}

/** Describes one certificate. It never throws: what is malformed inside is a problem in the description. */
export function describeCertificate(certificate: Certificate, context: InspectionContext): CertificateDescription {
  const fields = certificateFields(certificate, context.sha256);
  const { details, problems } = describeExtensions(certificate.extensions);
  const selfIssued = equalBytes(certificate.issuer, certificate.subject);
  const selfSigned = selfIssued && verifies(certificate, certificate, context);
  const isCa = details.basicConstraints?.cA === true || (certificate.version < 3 && selfIssued);
  const description: CertificateDescription = {
    ...fields,
    status: statusAt(certificate, context.now.getTime()),
    role: isCa ? (selfIssued ? 'root' : 'issuing') : 'end-entity',
    ...identityOf(fields.subjectAltNames, details.extendedKeyUsage),
    version: certificate.version,
    selfSigned,
    signatureAlgorithm: signatureName(certificate.signatureAlgorithm.oid),
    spkiSha256: toHex(context.sha256(certificate.publicKey.der)),
    ...details,
    problems,
  };
  problems.push(...certificateProblems(certificate, description, selfIssued, context.now.getTime()));
  return description;
}

/** True when `issuer`'s key made the signature of `certificate`. */
export function verifies(certificate: Certificate, issuer: Certificate, context: InspectionContext): boolean {
  const { tbs, signatureAlgorithm, signature } = certificate;
  return context.verifySignature(issuer.publicKey, signatureAlgorithm, tbs, signature);
}

function statusAt(certificate: Certificate, now: number): CertificateStatus {
  if (isWithin(certificate, now)) return 'valid';
  return now < certificate.notBefore ? 'not-yet-valid' : 'expired';
}
