import { altNamesOf } from '../decoded.ts';
import type { CertificateRule } from '../rule.ts';

export const duplicateNames: CertificateRule = {
  name: 'duplicate-names',
  source: 'RFC 5280 §4.2.1.6',
  check(certificate) {
    const names = altNamesOf(certificate).map((name) => `${name.type}:${name.value}`);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    return twice === undefined ? undefined : `${twice} appears twice`;
  },
};
