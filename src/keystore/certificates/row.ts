import type { RevocationReason } from '../../pki/revocation-reason.ts';
import type { Kind } from '../log/bodies.ts';
import type { EndEntityProfileName } from '../pack.ts';

/** To whom certificates are issued: one of these has at most one current certificate. Plane is '' but for nodes. */
export interface Holder {
  kind: Kind;
  name: string;
  plane: string;
}

/** What the log says of one certificate, without its DER. Times in milliseconds since 1970. */
export interface CertificateRow extends Holder {
  profile: EndEntityProfileName;
  /** 40 hex digits. */
  serial: string;
  /** The id of the issuing CA. */
  authority: string;
  notBefore: number;
  notAfter: number;
  /** From when it is due for rotation. */
  dueAt: number;
  /** The record that issued it, and its place in that record's pack. Later ones supersede earlier ones. */
  seq: number;
  position: number;
  /** SHA-256 of the pack. */
  pack: string;
  /** Its key never reached anybody. */
  abandoned: boolean;
  revoked?: Revocation;
}

export interface Revocation {
  at: number;
  reason: RevocationReason;
  invalidityDate?: number;
}

/** A row with what follows from the others of its holder. */
export interface IssuedCertificate extends CertificateRow {
  /** A later certificate took its place, or it was abandoned. */
  superseded: boolean;
}

export type CertificateStatus = 'valid' | 'expired' | 'revoked' | 'superseded';

/** Precedence: revoked, expired, superseded, valid. notAfter belongs to the validity. */
export function statusOf(certificate: IssuedCertificate, now: Date): CertificateStatus {
  if (certificate.revoked !== undefined) return 'revoked';
  if (now.getTime() >= certificate.notAfter + 1000) return 'expired';
  return certificate.superseded ? 'superseded' : 'valid';
}

/** One string for a holder, for maps. */
export function holderKey(holder: Holder): string {
  return `${holder.kind}/${holder.name}/${holder.plane}`;
}

/** The rows of one holder, latest last, with `superseded` decided: all but the latest that was not abandoned. */
export function decideSuperseded(rows: CertificateRow[]): IssuedCertificate[] {
  const ordered = rows.toSorted((a, b) => a.seq - b.seq || a.position - b.position);
  const current = ordered.findLast((row) => !row.abandoned);
  return ordered.map((row) => ({ ...row, superseded: row !== current }));
}

/** The latest certificate of each holder among these, superseded ones left out. */
export function currentOnly(certificates: IssuedCertificate[]): IssuedCertificate[] {
  return certificates.filter((certificate) => !certificate.superseded);
}
