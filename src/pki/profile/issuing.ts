import { keyIdentifier } from '../key-identifier.ts';
import type { CertificateTemplate } from '../template.ts';
import {
  basicConstraints,
  keyUsage,
  type NameConstraints,
  nameConstraints,
  subjectKeyIdentifier,
} from '../x509/extensions.ts';
import { commonName, encodeName } from '../x509/name.ts';
import { authorityKeyIdentifierOf, requireIssuer } from './issuer.ts';
import type { ProfileInput } from './profile.ts';

/**
 * An issuing CA: path length 0, no extended key usage, critical name constraints of DNS names and IP addresses
 * (RFC 5280 §4.2.1.9, §4.2.1.10). No URI constraints: some verifiers refuse every certificate below them.
 */
export function issuingTemplate(
  input: ProfileInput,
  commonNameText: string,
  constraints: NameConstraints,
): CertificateTemplate {
  const issuer = requireIssuer(input);
  return {
    profile: 'issuing',
    serialNumber: input.serialNumber,
    signatureAlgorithm: input.signatureAlgorithm,
    issuer: issuer.subject,
    ...input.validity,
    subject: encodeName(commonName(commonNameText)),
    publicKey: input.publicKey,
    extensions: [
      basicConstraints(true, 0),
      keyUsage('keyCertSign', 'cRLSign'),
      nameConstraints(constraints),
      subjectKeyIdentifier(keyIdentifier(input.publicKey, input.sha256)),
      authorityKeyIdentifierOf(issuer),
    ],
  };
}
