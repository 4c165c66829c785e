import { sha256 } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { ClusterCaError } from '../errors.ts';
import { certificateFields, nameText } from '../inspection/certificate-object.ts';
import { isIssuedBy } from '../keystore/hierarchy.ts';
import { DerError } from '../pki/der/error.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { OID } from '../pki/oids.ts';
import { decodePem, looksLikePem, type PemBlock } from '../pki/pem.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { parseCrl } from '../pki/x509/crl.ts';
import { findExtension } from '../pki/x509/extension.ts';
import { parseBasicConstraints, parseKeyUsage } from '../pki/x509/extensions.ts';
import { formatTime } from '../values/time.ts';
import { readInputFile } from '../what/read-file.ts';

const verify = createVerifySignature();

/** Why an intermediate CA among the anchors is of no use to most servers. */
export const NO_ANCHOR = 'servers that use OpenSSL take only what is self-signed for an anchor';

/** Whether a certificate names itself as its issuer, as OpenSSL looks at it: whoever trusts it checks no signature. */
export function isSelfSigned(certificate: Certificate): boolean {
  return isIssuedBy(certificate, certificate);
}

/** An anchor as documents show it. */
export interface AnchorObject {
  subject: string;
  serial: string;
  fingerprint: string;
  keyType: string;
  notBefore: string;
  notAfter: string;
}

export function anchorObject(certificate: Certificate): AnchorObject {
  const { subject, serial, fingerprint, keyType, notBefore, notAfter } = certificateFields(certificate, (d) =>
    sha256(d),
  );
  return { subject, serial, fingerprint, keyType, notBefore, notAfter };
}

/**
 * The CA certificates of a file that somebody wants to be trusted, PEM or DER.
 * @throws ERR_CONFIG when it holds none that can be read; ERR_POLICY for one that is no CA, may not sign certificates, or
 *   is not valid now
 */
export function readAnchors(path: string, now: Date): Certificate[] {
  const bytes = readInputFile(path, 'certificate');
  const ders = looksLikePem(bytes) ? blocks(path, bytes, 'CERTIFICATE') : [bytes];
  if (ders.length === 0) throw new ClusterCaError('ERR_CONFIG', `${path} holds no certificate`);
  return ders.map((der) => checkAnchor(path, readCertificate(path, der), now));
}

/**
 * The root of a cluster that is to be taken over, and its CRLs where the file has them too.
 * @throws as `readAnchors`; ERR_USAGE when the file holds more than one certificate; ERR_POLICY for a CA that is no root,
 *   and for a CRL of another CA
 */
export function readForeignRoot(path: string, now: Date): { certificate: Certificate; crls: Uint8Array[] } {
  const [certificate, ...more] = readAnchors(path, now);
  if (certificate === undefined || more.length > 0)
    throw new ClusterCaError(
      'ERR_USAGE',
      `${path} holds ${1 + more.length} certificates: one root is replaced at a time`,
      {
        hint: 'give the one that the nodes trust: the root alone, without the CAs below it',
      },
    );
  if (!isSelfSigned(certificate))
    throw new ClusterCaError('ERR_POLICY', `${path}: ${nameText(certificate.subject)} is no root CA: ${NO_ANCHOR}`, {
      hint: `give the root that it leads to; its issuer is ${nameText(certificate.issuer)}`,
    });
  const bytes = readInputFile(path, 'certificate');
  const crls = looksLikePem(bytes) ? blocks(path, bytes, 'X509 CRL') : [];
  for (const der of crls) checkCrl(path, der, certificate);
  return { certificate, crls };
}

function blocks(path: string, bytes: Uint8Array, label: PemBlock['label']): Uint8Array[] {
  try {
    return decodePem(bytes).flatMap((block) => (block.label === label ? [block.bytes] : []));
  } catch (cause) {
    throw new ClusterCaError('ERR_CONFIG', `${path} is not PEM: ${(cause as Error).message}`, { cause });
  }
}

function readCertificate(path: string, der: Uint8Array): Certificate {
  try {
    return parseCertificate(der);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new ClusterCaError('ERR_CONFIG', `${path} holds a certificate that cannot be read: ${cause.message}`, {
      hint: `cluster-ca inspect ${path}`,
      cause,
    });
  }
}

function checkAnchor(path: string, certificate: Certificate, now: Date): Certificate {
  const refuse = (why: string): ClusterCaError =>
    new ClusterCaError('ERR_POLICY', `${path}: ${nameText(certificate.subject)} ${why}`, {
      hint: 'an anchor is the certificate of a CA that is valid now',
    });
  const constraints = findExtension(certificate.extensions, OID.basicConstraints);
  if (constraints === undefined || !parseBasicConstraints(constraints.value).cA) throw refuse('is no CA');
  const usage = findExtension(certificate.extensions, OID.keyUsage);
  if (usage !== undefined && !parseKeyUsage(usage.value).has('keyCertSign')) throw refuse('may not sign certificates');
  if (now.getTime() >= certificate.notAfter + 1000)
    throw refuse(`has ended on ${formatTime(certificate.notAfter)}: some servers refuse a bundle with it`);
  if (now.getTime() < certificate.notBefore) throw refuse(`is not valid before ${formatTime(certificate.notBefore)}`);
  return certificate;
}

function checkCrl(path: string, der: Uint8Array, issuer: Certificate): void {
  const crl = parseCrl(der);
  const own =
    equalBytes(crl.issuer, issuer.subject) && verify(issuer.publicKey, crl.signatureAlgorithm, crl.tbs, crl.signature);
  if (!own) throw new ClusterCaError('ERR_POLICY', `${path} holds a CRL that ${nameText(issuer.subject)} did not sign`);
}
