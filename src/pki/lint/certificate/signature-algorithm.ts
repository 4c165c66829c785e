import { equalBytes } from '../../der/writer.ts';
import { signatureAlgorithmFor } from '../../x509/algorithm.ts';
import { keyTypeOf } from '../../x509/public-key.ts';
import { memoized } from '../decoded.ts';
import type { CertificateRule } from '../rule.ts';

const issuerKeyType = memoized(keyTypeOf);

/** The same inside and outside, and the one that the issuer's key makes. */
export const signatureAlgorithm: CertificateRule = {
  name: 'signature-algorithm',
  source: 'RFC 5280 §4.1.1.2',
  check(certificate, { issuer }) {
    if (!equalBytes(certificate.signatureAlgorithm.der, certificate.tbsSignature.der))
      return 'the two algorithms differ';
    const keyType = issuerKeyType(issuer.publicKey);
    if (keyType === undefined) return "the issuer's key type is unknown";
    return equalBytes(certificate.signatureAlgorithm.der, signatureAlgorithmFor(keyType))
      ? undefined
      : `not the algorithm of the issuer's ${keyType} key`;
  },
};
