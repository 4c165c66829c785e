import { equalBytes } from '../../der/writer.ts';
import { OID } from '../../oids.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseAuthorityKeyIdentifier, parseSubjectKeyIdentifier } from '../../x509/extensions.ts';
import type { CrlRule } from '../rule.ts';

export const authorityKeyIdentifier: CrlRule = {
  name: 'crl-authority-key-identifier',
  source: 'RFC 5280 §5.2.1',
  check(crl, { issuer }) {
    const found = findExtension(crl.extensions, OID.authorityKeyIdentifier);
    const expected = findExtension(issuer.extensions, OID.subjectKeyIdentifier);
    if (found === undefined || expected === undefined) return 'a key identifier is missing';
    const { keyIdentifier } = parseAuthorityKeyIdentifier(found.value);
    return keyIdentifier !== undefined && equalBytes(keyIdentifier, parseSubjectKeyIdentifier(expected.value))
      ? undefined
      : "not the issuer's key identifier";
  },
};
