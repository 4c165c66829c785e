import { createVerifySignature } from '../crypto/verify-signature.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority } from '../keystore/log/bodies.ts';
import { equalBytes } from '../pki/der/writer.ts';
import type { Crl } from '../pki/x509/crl.ts';

const verify = createVerifySignature();

/** The CA of a keystore that has signed a CRL, by its name and its key; undefined when none has. */
export function crlSigner(keystore: Keystore, crl: Crl): Authority | undefined {
  return keystore.state.authorities.find(({ id }) => {
    const { subject, publicKey } = keystore.authorityCertificate(id);
    return equalBytes(subject, crl.issuer) && verify(publicKey, crl.signatureAlgorithm, crl.tbs, crl.signature);
  });
}
