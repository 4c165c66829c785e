import type { CertificateTemplate } from '../template.ts';
import { basicConstraints, keyUsage, type NameConstraints, nameConstraints } from '../x509/extensions.ts';
import { templateBelow } from './issuer.ts';
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
  return templateBelow(input, 'issuing', commonNameText, [
    basicConstraints(true, 0),
    keyUsage('keyCertSign', 'cRLSign'),
    nameConstraints(constraints),
  ]);
}
