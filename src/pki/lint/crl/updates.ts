import type { CrlRule } from '../rule.ts';

export const updates: CrlRule = {
  name: 'crl-updates',
  source: 'RFC 5280 §5.1.2.5',
  check(crl, { issuer }) {
    if (crl.nextUpdate === undefined) return 'nextUpdate is absent';
    if (crl.nextUpdate <= crl.thisUpdate) return 'nextUpdate is not after thisUpdate';
    return crl.thisUpdate > issuer.notAfter ? 'the issuer has ended' : undefined;
  },
};
