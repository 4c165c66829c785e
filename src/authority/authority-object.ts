import { sha256 } from '../crypto/hash.ts';
import { certificateFields } from '../inspection/certificate-object.ts';
import type { Authority, Role } from '../keystore/log/bodies.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { isWithin } from '../pki/validity.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';

/** A CA of the keystore as every document shows it. */
export interface AuthorityObject {
  id: string;
  role: Role;
  generation: number;
  subject: string;
  serial: string;
  fingerprint: string;
  keyType: string;
  notBefore: string;
  notAfter: string;
  /** `destroyed`: its key is gone, and nothing is trusted by it. */
  status: 'valid' | 'expired' | 'destroyed';
}

export function authorityObject(authority: Authority, now: Date, destroyed = false): AuthorityObject {
  const certificate = parseCertificate(fromBase64(authority.certificate));
  const { subject, serial, fingerprint, keyType, notBefore, notAfter } = certificateFields(certificate, (d) =>
    sha256(d),
  );
  const { id, role, generation } = authority;
  const status = destroyed ? 'destroyed' : isWithin(certificate, now.getTime()) ? 'valid' : 'expired';
  return { id, role, generation, subject, serial, fingerprint, keyType, notBefore, notAfter, status };
}
