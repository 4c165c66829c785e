import { sha256 } from '../crypto/hash.ts';
import { type CertificateFields, certificateFields } from '../inspection/certificate-object.ts';
import { type CertificateStatus, type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { RevocationReason } from '../pki/revocation-reason.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { formatTime } from '../values/time.ts';

/** A certificate of this CA as every document shows it. */
export interface CertificateObject extends CertificateFields {
  kind: 'node' | 'client' | 'probe';
  node: string;
  plane?: string;
  profile: string;
  authority: string;
  dueAt: string;
  status: CertificateStatus;
  revokedAt?: string;
  revocationReason?: RevocationReason;
}

/** The object of a certificate in the log. */
export async function certificateObject(
  keystore: Keystore,
  row: IssuedCertificate,
  now: Date,
): Promise<CertificateObject> {
  return certificateObjectOf(row, await keystore.der(row), now);
}

export function certificateObjectOf(row: IssuedCertificate, der: Uint8Array, now: Date): CertificateObject {
  const fields = certificateFields(parseCertificate(der), (data) => sha256(data));
  const { revoked } = row;
  return {
    kind: row.kind,
    node: row.name,
    ...(row.plane === '' ? {} : { plane: row.plane }),
    profile: row.profile,
    ...fields,
    authority: row.authority,
    dueAt: formatTime(row.dueAt),
    status: statusOf(row, now),
    ...(revoked === undefined ? {} : { revokedAt: formatTime(revoked.at), revocationReason: revoked.reason }),
  };
}
