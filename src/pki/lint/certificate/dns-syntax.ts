import { isDnsName } from '../../x509/dns-name.ts';
import { altNamesOf } from '../decoded.ts';
import type { CertificateRule } from '../rule.ts';

/** Lower-case preferred name syntax (RFC 1034 §3.5); a wildcard is the whole left-most label (RFC 9525 §6.3). */
export const dnsSyntax: CertificateRule = {
  name: 'dns-syntax',
  source: 'RFC 5280 §4.2.1.6',
  check(certificate) {
    for (const name of altNamesOf(certificate))
      if (name.type === 'dns' && !isDnsName(name.value, { wildcard: true }))
        return `${JSON.stringify(name.value)} is not a DNS name`;
    return undefined;
  },
};
