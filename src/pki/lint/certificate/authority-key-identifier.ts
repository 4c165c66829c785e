import { equalBytes } from '../../der/writer.ts';
import { OID } from '../../oids.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseAuthorityKeyIdentifier, parseSubjectKeyIdentifier } from '../../x509/extensions.ts';
import type { CertificateRule } from '../rule.ts';

/** The key identifier alone, equal to the issuer's subjectKeyIdentifier; none on a root. */
export const authorityKeyIdentifier: CertificateRule = {
  name: 'authority-key-identifier',
  source: 'RFC 5280 §4.2.1.1',
  check(certificate, { profile, issuer }) {
    const extension = findExtension(certificate.extensions, OID.authorityKeyIdentifier);
    if (profile === 'root') return extension === undefined ? undefined : 'a root carries none';
    if (extension === undefined || extension.critical) return 'absent or critical';
    const { keyIdentifier, authorityCertIssuer, authorityCertSerialNumber } = parseAuthorityKeyIdentifier(
      extension.value,
    );
    if (authorityCertIssuer !== undefined || authorityCertSerialNumber !== undefined)
      return 'it names more than the key';
    const expected = findExtension(issuer.extensions, OID.subjectKeyIdentifier);
    if (keyIdentifier === undefined || expected === undefined) return 'a key identifier is missing';
    return equalBytes(keyIdentifier, parseSubjectKeyIdentifier(expected.value))
      ? undefined
      : "not the issuer's key identifier";
  },
};
