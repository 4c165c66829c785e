import { equalBytes } from '../../der/writer.ts';
import { parseName } from '../../x509/name.ts';
import type { CertificateRule } from '../rule.ts';

export const issuerName: CertificateRule = {
  name: 'issuer-name',
  source: 'RFC 5280 §4.1.2.4',
  check(certificate, { issuer }) {
    if (parseName(certificate.issuer).length === 0) return 'the issuer is empty';
    return equalBytes(certificate.issuer, issuer.subject)
      ? undefined
      : "the issuer is not the issuer's subject, octet by octet";
  },
};
