import type { CertificateFields } from './certificate-object.ts';
import type { ExtensionDetails } from './extension-details.ts';
import type { Identity } from './identity.ts';
import type { Problem } from './problem.ts';

export type CertificateStatus = 'valid' | 'expired' | 'not-yet-valid';

/** What only the keystore's log knows of a certificate (cli.md's certificate object). */
export interface LogFields {
  issuedTo?: 'node' | 'client' | 'probe';
  /** The id of the issuing CA. */
  authority?: string;
  dueAt?: string;
  revokedAt?: string;
  revocationReason?: string;
}

/** A certificate as `inspect` describes it: cli.md's certificate object as far as it says it itself, and more. */
export interface CertificateDescription extends CertificateFields, Identity, ExtensionDetails, LogFields {
  /** By its dates; of a certificate that the log knows, by the log. */
  status: CertificateStatus | 'revoked' | 'superseded';
  /** By basicConstraints: a root is a CA certificate that is self-issued. */
  role: 'root' | 'issuing' | 'end-entity';
  version: 1 | 2 | 3;
  /** Issuer and subject are the same and its own key verifies the signature. */
  selfSigned: boolean;
  signatureAlgorithm: string;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex: what pairs a certificate with its key. */
  spkiSha256: string;
  problems: Problem[];
}
