import { time } from '../../der/time.ts';
import { sequence } from '../../der/writer.ts';
import type { Certificate } from '../../x509/certificate.ts';
import type { CertificateRule } from '../rule.ts';

/** In order, and encoded as UTCTime through 2049 and GeneralizedTime after. */
export const validity: CertificateRule = {
  name: 'validity',
  source: 'RFC 5280 §4.1.2.5',
  check(certificate) {
    if (certificate.notBefore > certificate.notAfter) return 'notBefore is after notAfter';
    const { issuer, tbs } = certificate;
    // The validity stands right behind the issuer.
    const at = issuer.byteOffset - tbs.byteOffset + issuer.length;
    const canonical = canonicalValidity(certificate);
    for (let i = 0; i < canonical.length; i++)
      if (tbs[at + i] !== canonical[i]) return 'the times are not in their canonical form';
    return undefined;
  },
};

/** The last one encoded: the certificates of a fleet share theirs. */
let last: { notBefore: number; notAfter: number; der: Uint8Array } | undefined;

function canonicalValidity({ notBefore, notAfter }: Certificate): Uint8Array {
  if (last?.notBefore !== notBefore || last.notAfter !== notAfter)
    last = { notBefore, notAfter, der: sequence(time(new Date(notBefore)), time(new Date(notAfter))) };
  return last.der;
}
