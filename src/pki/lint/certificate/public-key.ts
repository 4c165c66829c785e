import { isCaProfile } from '../../profile/profile.ts';
import { CA_KEY_TYPES } from '../../x509/algorithm.ts';
import { keyTypeOf } from '../../x509/public-key.ts';
import type { CertificateRule } from '../rule.ts';

export const publicKey: CertificateRule = {
  name: 'public-key',
  source: 'RFC 5280 §4.1.2.7',
  check(certificate, { profile }) {
    const keyType = keyTypeOf(certificate.publicKey);
    if (keyType === undefined)
      return 'the key is neither ECDSA P-256 or P-384, RSA of 2048, 3072 or 4096 bits, nor Ed25519';
    return isCaProfile(profile) && !CA_KEY_TYPES.includes(keyType) ? `${keyType} is not for a CA` : undefined;
  },
};
