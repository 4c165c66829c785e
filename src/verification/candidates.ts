import {
  type Candidate,
  FAILURES,
  type PathCertificate,
  type PathFailure,
  type PathVerdict,
} from '../pki/path/index.ts';
import type { VerifySignature } from '../pki/signature.ts';

/** Why a certificate or CRL that was given is not on the path shown. Stable: scripts match on it. */
export const REJECTIONS = {
  malformed: 'it cannot be decoded',
  refused: 'it breaks a rule by itself',
  'another-key': 'it has the name of the issuer looked for, but another key made the signature',
  tried: 'a path over it was tried, and failed',
  unrelated: 'it issued nothing on the path',
  spare: 'the path was found without it',
} as const;

export type Rejection = keyof typeof REJECTIONS;

/** A certificate or CRL that was given and is not on the path shown. */
export interface RejectedCandidate {
  subject: string;
  fingerprint: string;
  role: Candidate['role'];
  origin?: string;
  why: Rejection;
  failures: PathFailure[];
}

/** How many signatures are checked again to say why a candidate does not fit. */
const MOST_SIGNATURES = 64;

/** Every candidate that is not on the path shown, and why. */
export function rejectedCandidates(verdict: PathVerdict, verify: VerifySignature): RejectedCandidate[] {
  const tried = new Set(verdict.attempts.flatMap(({ chain, anchor }) => [...chain, ...(anchor ? [anchor] : [])]));
  let left = MOST_SIGNATURES;
  const signed = (by: PathCertificate, certificate: PathCertificate): boolean => {
    if (left-- <= 0) return true;
    const { publicKey } = by.certificate;
    const { signatureAlgorithm, tbs, signature } = certificate.certificate;
    return verify(publicKey, signatureAlgorithm, tbs, signature);
  };
  const why = ({ certificate, failures }: Candidate): Rejection => {
    if (certificate === undefined) return 'malformed';
    if (failures.length > 0) return 'refused';
    const below = verdict.path.filter(({ issuerKey }) => issuerKey === certificate.subjectKey);
    if (below.length === 0) return tried.has(certificate) ? 'tried' : 'unrelated';
    if (!below.some((one) => signed(certificate, one))) return 'another-key';
    return !verdict.valid && tried.has(certificate) ? 'tried' : 'spare';
  };
  return verdict.candidates.map((candidate) => {
    const { subject, fingerprint, role, origin, failures } = candidate;
    return { subject, fingerprint, role, ...(origin === undefined ? {} : { origin }), why: why(candidate), failures };
  });
}

/** One line for each candidate that could not be decoded and was left out: that is said without `--explain` too. */
export function leftOut({ candidates }: PathVerdict): string[] {
  return candidates.flatMap(({ certificate, failures, role, subject, fingerprint }) => {
    const [failure] = failures;
    if (certificate !== undefined || failure === undefined) return [];
    const what = role === 'crl' ? 'a CRL' : role === 'anchor' ? 'a trust anchor' : 'a candidate';
    return [`${what} was left out: ${subject || fingerprint}: ${failure.message} (${FAILURES[failure.code].rule})`];
  });
}
