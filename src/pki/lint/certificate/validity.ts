import { time } from '../../der/time.ts';
import { concatBytes, sequence } from '../../der/writer.ts';
import type { CertificateRule } from '../rule.ts';

/** In order, and encoded as UTCTime through 2049 and GeneralizedTime after. */
export const validity: CertificateRule = {
  name: 'validity',
  source: 'RFC 5280 §4.1.2.5',
  check(certificate) {
    if (certificate.notBefore > certificate.notAfter) return 'notBefore is after notAfter';
    const expected = concatBytes(
      certificate.issuer,
      sequence(time(new Date(certificate.notBefore)), time(new Date(certificate.notAfter))),
    );
    const at = certificate.issuer.byteOffset - certificate.tbs.byteOffset;
    const found = certificate.tbs.subarray(at, at + expected.length);
    return found.every((octet, i) => octet === expected[i]) ? undefined : 'the times are not in their canonical form';
  },
};
