import type { CertificateRule } from '../rule.ts';

export const version: CertificateRule = {
  name: 'version',
  source: 'RFC 5280 §4.1.2.1',
  check: (certificate) => (certificate.version === 3 ? undefined : 'the version is not 3'),
};
