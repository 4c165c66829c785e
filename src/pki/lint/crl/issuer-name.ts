import { equalBytes } from '../../der/writer.ts';
import type { CrlRule } from '../rule.ts';

export const issuerName: CrlRule = {
  name: 'crl-issuer-name',
  source: 'RFC 5280 §5.1.2.3',
  check: (crl, { issuer }) => (equalBytes(crl.issuer, issuer.subject) ? undefined : "not the issuer's subject"),
};
