import { equalBytes } from '../pki/der/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { isWithin } from '../pki/validity.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import type { CertificateDescription, CertificateStatus } from './certificate-description.ts';
import { certificateFields } from './certificate-object.ts';
import { certificateProblems } from './certificate-problems.ts';
import type { InspectionContext } from './context.ts';
import { describeExtensions } from './extension-details.ts';
import { identityOf } from './identity.ts';
import { signatureName } from './oid-names.ts';

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
