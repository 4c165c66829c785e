import { OID } from '../oids.ts';
import type { CertificateTemplate } from '../template.ts';
import { basicConstraints, extKeyUsage, keyUsage } from '../x509/extensions.ts';
import { templateBelow } from './issuer.ts';
import type { ProfileInput } from './profile.ts';

/** The audit key's certificate, by the root: a critical extended key usage of our own keeps it out of TLS (RFC 5280 §4.2.1.12). */
export function auditTemplate(input: ProfileInput, commonNameText: string): CertificateTemplate {
  return templateBelow(input, 'audit', commonNameText, [
    basicConstraints(false),
    keyUsage('digitalSignature'),
    extKeyUsage([OID.auditLogSigning], true),
  ]);
}
