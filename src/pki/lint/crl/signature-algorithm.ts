import { equalBytes } from '../../der/writer.ts';
import { signatureAlgorithmFor } from '../../x509/algorithm.ts';
import { keyTypeOf } from '../../x509/public-key.ts';
import type { CrlRule } from '../rule.ts';

export const signatureAlgorithm: CrlRule = {
  name: 'crl-signature-algorithm',
  source: 'RFC 5280 §5.1.1.2',
  check(crl, { issuer }) {
    const keyType = keyTypeOf(issuer.publicKey);
    const expected = keyType === undefined ? undefined : signatureAlgorithmFor(keyType);
    return expected !== undefined &&
      equalBytes(crl.signatureAlgorithm.der, expected) &&
      equalBytes(crl.tbsSignature.der, expected)
      ? undefined
      : "not the algorithm of the issuer's key";
  },
};
