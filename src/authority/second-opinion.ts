import 'reflect-metadata';
import { X509Certificate } from '@peculiar/x509';
import { ClusterCaError } from '../errors.ts';
import type { PublicKeyInfo } from '../pki/x509/certificate.ts';

/**
 * Reads a certificate that was just signed with another implementation than made it, and verifies its signature
 * by the issuer's key: a fault in either is found before anything leaves the tool.
 * @throws ClusterCaError ERR_LINT
 */
export async function secondOpinion(der: Uint8Array, issuerKey: PublicKeyInfo, crypto: Crypto): Promise<void> {
  let verified = false;
  try {
    const certificate = new X509Certificate(new Uint8Array(der));
    const publicKey = new Uint8Array(issuerKey.der);
    // The library's Crypto is the DOM's by its typings; it is the same interface.
    verified = await certificate.verify({ publicKey, signatureOnly: true }, crypto as never);
  } catch (cause) {
    throw new ClusterCaError('ERR_LINT', 'a second implementation cannot read the certificate', { cause });
  }
  if (!verified) throw new ClusterCaError('ERR_LINT', 'the signed certificate does not verify by its issuer');
}
