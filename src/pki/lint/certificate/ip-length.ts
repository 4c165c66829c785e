import { OID } from '../../oids.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseSubjectAltName } from '../../x509/extensions.ts';
import type { CertificateRule } from '../rule.ts';

export const ipLength: CertificateRule = {
  name: 'ip-length',
  source: 'RFC 5280 §4.2.1.6',
  check(certificate) {
    const extension = findExtension(certificate.extensions, OID.subjectAltName);
    for (const name of extension === undefined ? [] : parseSubjectAltName(extension.value))
      if (name.type === 'ip' && name.value.length !== 4 && name.value.length !== 16)
        return 'an IP address of neither 4 nor 16 octets';
    return undefined;
  },
};
