import { sha256 } from '../crypto/hash.ts';
import { auditTemplate } from '../pki/profile/audit.ts';
import { crossTemplate } from '../pki/profile/cross.ts';
import { issuingTemplate } from '../pki/profile/issuing.ts';
import { rootTemplate } from '../pki/profile/root.ts';
import type { CertificateTemplate } from '../pki/template.ts';
import { validityFor } from '../pki/validity.ts';
import { type KeyType, signatureAlgorithmFor } from '../pki/x509/algorithm.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import type { NameConstraints } from '../pki/x509/extensions.ts';

// What the certificates of CAs say, from what is given alone: whoever has the same in another place gets the same octets.

export interface CaFields {
  now: Date;
  /** The common name. */
  name: string;
  /** Seconds. */
  lifetime: number;
  serialNumber: Uint8Array;
}

/** Who signs: a certificate, and the type of its key. */
export interface Above {
  certificate: Certificate;
  keyType: KeyType;
}

/** A root CA, self-signed. */
export function rootCa(
  fields: CaFields,
  { keyType, spki }: { keyType: KeyType; spki: Uint8Array },
): CertificateTemplate {
  return rootTemplate({ ...common(fields, spki), signatureAlgorithm: signatureAlgorithmFor(keyType) }, fields.name);
}

/** An issuing CA under a root; it never outlives the root. */
export function issuingCa(
  fields: CaFields,
  spki: Uint8Array,
  above: Above,
  constraints: NameConstraints,
): CertificateTemplate {
  return issuingTemplate(below(fields, spki, above), fields.name, constraints);
}

/** A certificate over the audit key. */
export function auditCertificate(fields: CaFields, spki: Uint8Array, above: Above): CertificateTemplate {
  return auditTemplate(below(fields, spki, above), fields.name);
}

/**
 * NewWithOld: the new root's key certified by the old root (RFC 4210 §4.4). It ends with the first of the two.
 * @param fields.name the new root's common name
 */
export function crossCertificate(
  fields: Omit<CaFields, 'lifetime'>,
  root: Certificate,
  above: Above,
): CertificateTemplate {
  const lifetime = Math.floor((root.notAfter - fields.now.getTime()) / 1000);
  return crossTemplate(below({ ...fields, lifetime }, root.publicKey.der, above), fields.name);
}

function common({ now, lifetime, serialNumber }: CaFields, spki: Uint8Array, latest?: number) {
  return {
    serialNumber,
    validity: validityFor(now, lifetime * 1000, latest),
    publicKey: spki,
    sha256: (data: Uint8Array) => sha256(data),
  };
}

function below(fields: CaFields, spki: Uint8Array, { certificate, keyType }: Above) {
  return {
    ...common(fields, spki, certificate.notAfter),
    issuer: certificate,
    signatureAlgorithm: signatureAlgorithmFor(keyType),
  };
}
