import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import { intermediatesAbove } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { trustBundle } from '../keystore/public.ts';
import { fromBase64, toHex } from '../pki/encoding.ts';
import { encodePem } from '../pki/pem.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';

/** What a holder's files hold, in PEM. */
export interface HolderFiles {
  /** The end-entity certificate followed by the CAs above it, but for the root. */
  certificate: string;
  trustBundle: string;
  /** The certificate's SubjectPublicKeyInfo in hex: the key file must match it. */
  publicKey: string;
}

/** The files of a certificate in the log. */
export async function holderFiles(keystore: Keystore, row: IssuedCertificate, now: Date): Promise<HolderFiles> {
  return filesOf(keystore, await keystore.der(row), row.authority, now);
}

export function filesOf(keystore: Keystore, der: Uint8Array, authority: string, now: Date): HolderFiles {
  return {
    certificate: chainPem(keystore, der, authority),
    trustBundle: trustBundle(keystore, now),
    publicKey: toHex(parseCertificate(der).publicKey.der),
  };
}

/** The chain as servers send it: the certificate, then the CAs above it; the root is in the trust bundle. */
export function chainPem(keystore: Keystore, der: Uint8Array, authority: string): string {
  return [der, ...issuersOf(keystore, authority)].map((one) => encodePem('CERTIFICATE', one)).join('');
}

/** The issuing CA with this id, and the intermediate CAs above it, DER. */
export function issuersOf(keystore: Keystore, id: string): Uint8Array[] {
  const issuing = keystore.authority(id);
  if (issuing === undefined) return [];
  return [issuing, ...intermediatesAbove(keystore.state, issuing)].map(({ certificate }) => fromBase64(certificate));
}
