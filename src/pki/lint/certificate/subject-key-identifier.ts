import { equalBytes } from '../../der/writer.ts';
import { keyIdentifierOf } from '../../key-identifier.ts';
import { OID } from '../../oids.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseSubjectKeyIdentifier } from '../../x509/extensions.ts';
import type { CertificateRule } from '../rule.ts';

export const subjectKeyIdentifier: CertificateRule = {
  name: 'subject-key-identifier',
  source: 'RFC 5280 §4.2.1.2, RFC 7093 §2',
  check(certificate, { sha256 }) {
    const extension = findExtension(certificate.extensions, OID.subjectKeyIdentifier);
    if (extension === undefined || extension.critical) return 'absent or critical';
    return equalBytes(parseSubjectKeyIdentifier(extension.value), keyIdentifierOf(certificate.publicKey, sha256))
      ? undefined
      : 'not the identifier of the key';
  },
};
