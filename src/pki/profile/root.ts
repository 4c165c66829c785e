import { keyIdentifier } from '../key-identifier.ts';
import type { CertificateTemplate } from '../template.ts';
import { basicConstraints, keyUsage, subjectKeyIdentifier } from '../x509/extensions.ts';
import { commonName, encodeName } from '../x509/name.ts';
import type { ProfileInput } from './profile.ts';

/**
 * A self-signed root CA (RFC 5280 §4.2.1). No path length: it would count link certificates and break them. No
 * authorityKeyIdentifier: a self-signed certificate may leave it out (§4.2.1.1).
 */
export function rootTemplate(input: Omit<ProfileInput, 'issuer'>, commonNameText: string): CertificateTemplate {
  const name = encodeName(commonName(commonNameText));
  return {
    profile: 'root',
    serialNumber: input.serialNumber,
    signatureAlgorithm: input.signatureAlgorithm,
    issuer: name,
    ...input.validity,
    subject: name,
    publicKey: input.publicKey,
    extensions: [
      basicConstraints(true),
      keyUsage('keyCertSign', 'cRLSign'),
      subjectKeyIdentifier(keyIdentifier(input.publicKey, input.sha256)),
    ],
  };
}
