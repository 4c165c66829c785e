import { equalBytes } from '../../der/writer.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { parseName } from '../../x509/name.ts';
import { memoized } from '../decoded.ts';
import type { CertificateRule } from '../rule.ts';

const subjectOfIssuer = memoized((issuer: Certificate) => parseName(issuer.subject));

export const issuerName: CertificateRule = {
  name: 'issuer-name',
  source: 'RFC 5280 §4.1.2.4',
  check(certificate, { issuer }) {
    const same = equalBytes(certificate.issuer, issuer.subject);
    const name = same ? subjectOfIssuer(issuer) : parseName(certificate.issuer);
    if (name.length === 0) return 'the issuer is empty';
    return same ? undefined : "the issuer is not the issuer's subject, octet by octet";
  },
};
