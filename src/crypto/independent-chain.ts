import { X509Certificate } from 'node:crypto';

/**
 * Whether each certificate was signed by the key of the next, by an implementation that shares no code with ours: the
 * one below Node (OpenSSL).
 * @param chain DER, from the end to the anchor
 */
export function chainHolds(chain: readonly Uint8Array[]): boolean {
  const certificates = chain.map((der) => new X509Certificate(der));
  return certificates.every((certificate, i) => {
    const issuer = certificates[i + 1] ?? certificate;
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  });
}

/** Whether two certificates are over the same key, by the same implementation. */
export function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return new X509Certificate(a).publicKey.equals(new X509Certificate(b).publicKey);
}
