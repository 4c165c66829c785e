import type { CertificateRule } from '../rule.ts';

/** Below a CA that has ended nothing validates, whatever the certificate says. */
export const withinIssuer: CertificateRule = {
  name: 'within-issuer',
  source: 'RFC 5280 §6.1.3 (a)(2)',
  check: (certificate, { issuer }) =>
    certificate.notAfter > issuer.notAfter ? 'it would outlive its issuer' : undefined,
};
