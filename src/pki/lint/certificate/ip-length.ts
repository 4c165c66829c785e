import { altNamesOf } from '../decoded.ts';
import type { CertificateRule } from '../rule.ts';

export const ipLength: CertificateRule = {
  name: 'ip-length',
  source: 'RFC 5280 §4.2.1.6',
  check(certificate) {
    for (const name of altNamesOf(certificate))
      if (name.type === 'ip' && name.value.length !== 4 && name.value.length !== 16)
        return 'an IP address of neither 4 nor 16 octets';
    return undefined;
  },
};
