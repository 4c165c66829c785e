import { contextTag, TAG } from './der/tags.ts';
import { time } from './der/time.ts';
import { headerLength, putHeader, sequence, tlv, unsignedInteger } from './der/writer.ts';
import type { ProfileName } from './profile/profile.ts';
import type { Slab } from './slab.ts';
import { type Extension, encodeExtension } from './x509/extension.ts';

/** Everything that a certificate will say, before it is encoded. */
export interface CertificateTemplate {
  profile: ProfileName;
  serialNumber: Uint8Array;
  /** DER of the signature's AlgorithmIdentifier, by the issuer's key type. */
  signatureAlgorithm: Uint8Array;
  /** DER of the issuer's Name, byte for byte as in the issuer's subject. */
  issuer: Uint8Array;
  notBefore: Date;
  notAfter: Date;
  /** DER of the subject's Name. */
  subject: Uint8Array;
  /** DER of the SubjectPublicKeyInfo. */
  publicKey: Uint8Array;
  extensions: Extension[];
}

export const VERSION_3: Uint8Array = tlv(contextTag(0, true), unsignedInteger(2));

/** The TBSCertificate of a template (RFC 5280 §4.1). */
export function encodeTbsCertificate(template: CertificateTemplate): Uint8Array {
  return sequence(
    VERSION_3,
    unsignedInteger(template.serialNumber),
    template.signatureAlgorithm,
    template.issuer,
    sequence(time(template.notBefore), time(template.notAfter)),
    template.subject,
    template.publicKey,
    tlv(contextTag(3, true), sequence(...template.extensions.map(encodeExtension))),
  );
}

/**
 * A Certificate, CertificateList or CertificationRequest: its to-be-signed part, algorithm and signature.
 * @param into where its octets are taken from
 */
export function encodeSigned(
  tbs: Uint8Array,
  signatureAlgorithm: Uint8Array,
  signature: Uint8Array,
  into?: Slab,
): Uint8Array {
  const bits = 1 + signature.length;
  const content = tbs.length + signatureAlgorithm.length + headerLength(bits) + bits;
  const length = headerLength(content) + content;
  const out = into === undefined ? new Uint8Array(length) : into.take(length);
  let at = putHeader(out, 0, TAG.sequence, content);
  out.set(tbs, at);
  at += tbs.length;
  out.set(signatureAlgorithm, at);
  at = putHeader(out, at + signatureAlgorithm.length, TAG.bitString, bits);
  // The first octet says that no bit of the last one is unused.
  out.set(signature, at + 1);
  return out;
}
