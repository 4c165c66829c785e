import { OID } from '../../oids.ts';
import { isDnsName } from '../../x509/dns-name.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseSubjectAltName } from '../../x509/extensions.ts';
import type { CertificateRule } from '../rule.ts';

/** Lower-case preferred name syntax (RFC 1034 §3.5); a wildcard is the whole left-most label (RFC 9525 §6.3). */
export const dnsSyntax: CertificateRule = {
  name: 'dns-syntax',
  source: 'RFC 5280 §4.2.1.6',
  check(certificate) {
    const extension = findExtension(certificate.extensions, OID.subjectAltName);
    for (const name of extension === undefined ? [] : parseSubjectAltName(extension.value))
      if (name.type === 'dns' && !isDnsName(name.value, { wildcard: true }))
        return `${JSON.stringify(name.value)} is not a DNS name`;
    return undefined;
  },
};
