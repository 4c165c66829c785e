import { readDer } from '../../der/reader.ts';
import { OID } from '../../oids.ts';
import type { CertificateRule } from '../rule.ts';

/** 65537: small exponents and huge ones are refused by some verifiers. */
export const rsaExponent: CertificateRule = {
  name: 'rsa-exponent',
  source: 'RFC 8017 §3.1',
  check({ publicKey }) {
    if (publicKey.algorithm.oid !== OID.rsaEncryption) return undefined;
    const exponent = readDer(publicKey.key, (reader) => {
      const inner = reader.enter();
      inner.integer();
      return inner.smallInteger();
    });
    return exponent === 65537 ? undefined : `the public exponent is ${exponent}, not 65537`;
  },
};
