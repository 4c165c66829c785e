import { keyIdentifier } from '../key-identifier.ts';
import { OID } from '../oids.ts';
import type { CertificateTemplate } from '../template.ts';
import { basicConstraints, extKeyUsage, keyUsage, subjectKeyIdentifier } from '../x509/extensions.ts';
import { commonName, encodeName } from '../x509/name.ts';
import { authorityKeyIdentifierOf, requireIssuer } from './issuer.ts';
import type { ProfileInput } from './profile.ts';

/** The audit key's certificate, by the root: a critical extended key usage of our own keeps it out of TLS (RFC 5280 §4.2.1.12). */
export function auditTemplate(input: ProfileInput, commonNameText: string): CertificateTemplate {
  const issuer = requireIssuer(input);
  return {
    profile: 'audit',
    serialNumber: input.serialNumber,
    signatureAlgorithm: input.signatureAlgorithm,
    issuer: issuer.subject,
    ...input.validity,
    subject: encodeName(commonName(commonNameText)),
    publicKey: input.publicKey,
    extensions: [
      basicConstraints(false),
      keyUsage('digitalSignature'),
      extKeyUsage([OID.auditLogSigning], true),
      subjectKeyIdentifier(keyIdentifier(input.publicKey, input.sha256)),
      authorityKeyIdentifierOf(issuer),
    ],
  };
}
