import {
  differingKeyIdentifiers,
  type PathAttempt,
  type PathCertificate,
  type PathFailure,
  type PathOptions,
  type PathVerdict,
  type RuleCheck,
} from '../pki/path/index.ts';
import type { VerifySignature } from '../pki/signature.ts';
import { leftOut, type RejectedCandidate, rejectedCandidates } from './candidates.ts';

/** A certificate as `verify` names it. */
export interface CertificateReference {
  subject: string;
  fingerprint: string;
}

/** One path that was tried, for `--explain`. */
export interface ExplainedAttempt {
  path: CertificateReference[];
  /** Whether it ends in a trust anchor. */
  anchored: boolean;
  checks: RuleCheck[];
  failures: PathFailure[];
}

/** What `verify --json` prints besides the schema version. */
export interface VerifyDocument {
  valid: boolean;
  /** RFC 3339: the time the path was held against. */
  at: string;
  /** From the certificate up to the anchor; of an invalid one as far as it led. */
  path: CertificateReference[];
  failures: PathFailure[];
  /** What the verdict does not cover (no name, no revocation checked), what others refuse, and what could not be decoded. */
  notes: string[];
  /** With `explain`: what was given and is not on the path, and why. */
  candidates?: RejectedCandidate[];
  /** With `explain`: every path tried, the one shown first. */
  attempts?: ExplainedAttempt[];
}

/** What a document depends on besides the verdict. */
export interface VerdictContext {
  at: Date;
  options: PathOptions;
  /** Whether revocation was checked. */
  revocation: boolean;
  explain: boolean;
  verify: VerifySignature;
}

/** The document of a verdict; plain data. */
export function toDocument(verdict: PathVerdict, about: VerdictContext): VerifyDocument {
  const { at, options, revocation, explain, verify } = about;
  const notes = leftOut(verdict);
  if (!options.names?.length) notes.push('no name was checked (--name NAME)');
  if (!options.purposes?.some((purpose) => purpose !== 'any'))
    notes.push('extended key usage was not examined (--purpose server or client)');
  if (!revocation) notes.push('revocation was not checked (--crl FILE)');
  if (verdict.valid && options.strict !== true) notes.push(...keyIdentifierNotes(verdict.path));
  return {
    valid: verdict.valid,
    at: at.toISOString(),
    path: verdict.path.map(reference),
    failures: verdict.failures,
    notes,
    ...(explain
      ? { candidates: rejectedCandidates(verdict, verify), attempts: shownFirst(verdict).map(explained) }
      : {}),
  };
}

/** OpenSSL takes no certificate for the issuer whose key identifier is another; RFC 5280 asks so of issuers only. */
function keyIdentifierNotes(path: readonly PathCertificate[]): string[] {
  return path.flatMap((certificate, i) => {
    const issuer = path[i + 1];
    const problem = issuer === undefined ? undefined : differingKeyIdentifiers(certificate, issuer);
    if (problem === undefined) return [];
    return [`servers with OpenSSL refuse ${certificate.subjectText || 'the certificate'}: ${problem} (--strict)`];
  });
}

function shownFirst({ attempts, path }: PathVerdict): PathAttempt[] {
  const isShown = (attempt: PathAttempt): boolean => {
    const all = attempt.anchor === undefined ? attempt.chain : [...attempt.chain, attempt.anchor];
    return all.length === path.length && all.every((certificate, i) => certificate === path[i]);
  };
  return attempts.toSorted((a, b) => Number(isShown(b)) - Number(isShown(a)));
}

function explained({ chain, anchor, report }: PathAttempt): ExplainedAttempt {
  const path = anchor === undefined ? chain : [...chain, anchor];
  return {
    path: path.map(reference),
    anchored: anchor !== undefined,
    checks: report.checks,
    failures: report.failures,
  };
}

function reference({ subjectText: subject, fingerprint }: PathCertificate): CertificateReference {
  return { subject, fingerprint };
}
