import { equalBytes } from '../../der/writer.ts';
import { OID } from '../../oids.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseAuthorityKeyIdentifier, parseSubjectKeyIdentifier } from '../../x509/extensions.ts';
import { memoized } from '../decoded.ts';
import { extensionRule } from '../extension-rule.ts';

const identifierOfIssuer = memoized((issuer: Certificate) => {
  const extension = findExtension(issuer.extensions, OID.subjectKeyIdentifier);
  return extension && parseSubjectKeyIdentifier(extension.value);
});

/** The key identifier alone, equal to the issuer's subjectKeyIdentifier; none on a root. */
export const authorityKeyIdentifier = extensionRule(OID.authorityKeyIdentifier, {
  name: 'authority-key-identifier',
  source: 'RFC 5280 §4.2.1.1',
  check(extension, { profile, issuer }) {
    if (profile === 'root') return extension === undefined ? undefined : 'a root carries none';
    if (extension === undefined || extension.critical) return 'absent or critical';
    const { keyIdentifier, authorityCertIssuer, authorityCertSerialNumber } = parseAuthorityKeyIdentifier(
      extension.value,
    );
    if (authorityCertIssuer !== undefined || authorityCertSerialNumber !== undefined)
      return 'it names more than the key';
    const expected = identifierOfIssuer(issuer);
    if (keyIdentifier === undefined || expected === undefined) return 'a key identifier is missing';
    return equalBytes(keyIdentifier, expected) ? undefined : "not the issuer's key identifier";
  },
});
