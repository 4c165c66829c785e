import { sha256 } from '../crypto/hash.ts';
import { certificateFields } from '../inspection/certificate-object.ts';
import type { Authority } from '../keystore/log/bodies.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { isWithin } from '../pki/validity.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';

/** A CA of the keystore as every document shows it. */
export interface AuthorityObject {
  id: string;
  role: 'root' | 'issuing';
  generation: number;
  subject: string;
  serial: string;
  fingerprint: string;
  keyType: string;
  notBefore: string;
  notAfter: string;
  status: 'valid' | 'expired';
}

export function authorityObject(authority: Authority, now: Date): AuthorityObject {
  const certificate = parseCertificate(fromBase64(authority.certificate));
  const { subject, serial, fingerprint, keyType, notBefore, notAfter } = certificateFields(certificate, (d) =>
    sha256(d),
  );
  const { id, role, generation } = authority;
  const status = isWithin(certificate, now.getTime()) ? 'valid' : 'expired';
  return { id, role, generation, subject, serial, fingerprint, keyType, notBefore, notAfter, status };
}
