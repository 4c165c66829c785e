// The documents of cli.md "JSON, field by field", as the tests read them.

export interface CertificateObject {
  kind: 'node' | 'client' | 'probe';
  node: string;
  plane?: string;
  profile: string;
  serial: string;
  fingerprint: string;
  subject: string;
  subjectAltNames: string[];
  issuer: string;
  authority: string;
  keyType: string;
  notBefore: string;
  notAfter: string;
  dueAt: string;
  status: 'valid' | 'expired' | 'revoked' | 'superseded';
  revokedAt?: string;
  revocationReason?: string;
}

export interface Issued extends CertificateObject {
  files?: { certificate: string; key?: string; trustBundle: string };
  pem?: string;
}

export interface IssueDocument {
  certificates: Issued[];
  unchanged: (CertificateObject & { why: string })[];
  failed: { node: string; plane?: string; error: unknown }[];
  dryRun?: true;
}

export interface ListDocument {
  certificates: CertificateObject[];
}

export interface Crl {
  authority: string;
  number: string;
  thisUpdate: string;
  nextUpdate: string;
  pem?: string;
}

export interface RevokeDocument {
  revoked: CertificateObject[];
  crls: Crl[];
  dryRun?: true;
}

export interface CrlDocument {
  crls: (Crl & { pem: string })[];
}

export interface StatusDocument {
  attention: boolean;
  alerts: {
    name: string;
    severity: 'info' | 'warning' | 'critical';
    subject: string;
    message: string;
    hint?: string;
    since?: string;
    expiresAt?: string;
  }[];
  authorities: unknown[];
  certificates: Record<'valid' | 'due' | 'expired' | 'revoked' | 'superseded', number>;
}

export interface VerifyDocument {
  valid: boolean;
  path: { subject: string; fingerprint: string }[];
  failures: { code: string; rule: string; subject?: string; fingerprint?: string; message: string; hint?: string }[];
}

export interface AuditDocument {
  valid: boolean;
  records: number;
  first: string;
  last: string;
  head: string;
  rollbackChecked: boolean;
}

export interface CheckDocument {
  valid: boolean;
  unsealed: boolean;
  findings: { file: string; problem: string; hint?: string }[];
}

export interface SlotsDocument {
  slots: { name: string; domain: 'daily' | 'root'; kind: string; createdAt: string }[];
}
