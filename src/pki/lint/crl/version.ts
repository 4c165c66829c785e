import type { CrlRule } from '../rule.ts';

export const version: CrlRule = {
  name: 'crl-version',
  source: 'RFC 5280 §5.1.2.1',
  check: (crl) => (crl.version === 2 ? undefined : 'the version is not 2'),
};
