import { OID } from '../../oids.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseKeyUsage } from '../../x509/extensions.ts';
import type { CertificateRule } from '../rule.ts';

export const keyUsage: CertificateRule = {
  name: 'key-usage',
  source: 'RFC 5280 §4.2.1.3',
  check(certificate, { profile }) {
    const extension = findExtension(certificate.extensions, OID.keyUsage);
    if (extension === undefined || !extension.critical) return 'absent or not critical';
    const expected = profile === 'root' || profile === 'issuing' ? 'keyCertSign cRLSign' : 'digitalSignature';
    const found = [...parseKeyUsage(extension.value)].join(' ');
    return found === expected ? undefined : `it says ${found || 'nothing'}, not ${expected}`;
  },
};
