import { toHex } from '../encoding.ts';
import type { Sha256, VerifySignature } from '../signature.ts';
import { BudgetExceeded } from './budget.ts';
import { type PathAttempt, PathSearch } from './build.ts';
import { checkCertificate } from './certificate-checks.ts';
import { PathContext } from './context.ts';
import { PathCrl } from './crl/path-crl.ts';
import { CrlRevocation } from './crl/revocation.ts';
import { type PathFailure, pathFailure } from './failure.ts';
import type { FailureCode } from './failure-codes.ts';
import { legibleName } from './legible-name.ts';
import type { PathOptions } from './options.ts';
import { PathCertificate, type Role } from './path-certificate.ts';
import { CertificatePool } from './pool.ts';
import { bestAttempt, rankFailures } from './rank.ts';
import type { RevocationCheck } from './validate.ts';

/** An encoded certificate or CRL, and where it came from. */
export interface Source {
  der: Uint8Array;
  origin?: string | undefined;
}

/** Everything that path validation depends on: nothing else, not even the clock, has a say. */
export interface PathInput {
  target: Source;
  /** Trust anchors: each a certificate, self-signed or not. Ones already decoded save their decoding. */
  anchors: readonly (Source | PathCertificate)[];
  untrusted?: readonly (Source | PathCertificate)[];
  /** Given, even when empty: every non-anchor certificate needs a valid and current one. */
  crls?: readonly (Source | PathCrl)[] | undefined;
  /** A further check of each certificate of a path, such as a log of revocations. */
  revocation?: RevocationCheck | undefined;
  now: Date;
  options?: PathOptions;
  verify: VerifySignature;
  sha256: Sha256;
}

export interface Candidate {
  subject: string;
  fingerprint: string;
  role: Role | 'crl';
  origin: string | undefined;
  /** Whether it is part of the path shown. */
  used: boolean;
  /** What is wrong with it by itself; empty for one that was simply not needed. */
  failures: PathFailure[];
  /** Undefined for a CRL, and for what could not be decoded. */
  certificate?: PathCertificate;
}

export interface PathVerdict {
  valid: boolean;
  /** From the target up to the anchor; of an invalid one the path that explains most, which may end early. */
  path: PathCertificate[];
  /** Most informative first. Empty exactly when valid. */
  failures: PathFailure[];
  /** Every other certificate and every CRL that could not be read. */
  candidates: Candidate[];
  /** Every path that was tried, the valid one last. */
  attempts: PathAttempt[];
}

/**
 * Builds and validates a certification path (RFC 5280 §6, RFC 4158). Whatever is wrong inside the certificates and
 * CRLs is a failure in the verdict; it does not throw for any input.
 */
export function verifyPath(input: PathInput): PathVerdict {
  const { now, options = {}, verify, sha256 } = input;
  const context = new PathContext(now, options, verify);
  const broken: Candidate[] = [];
  const anchors = readAll(input.anchors, 'anchor', sha256, broken);
  const untrusted = readAll(input.untrusted ?? [], 'untrusted', sha256, broken);
  const crls = input.crls === undefined ? undefined : readCrls(input.crls, sha256, broken);
  const [target] = readAll([input.target], 'subject', sha256, broken);
  const pool = new CertificatePool(anchors, untrusted);
  if (target === undefined) {
    const own = broken.pop();
    return {
      valid: false,
      path: [],
      failures: own?.failures ?? [],
      candidates: [...others(context, pool, []), ...broken],
      attempts: [],
    };
  }
  const checks: RevocationCheck[] = [];
  if (crls !== undefined) checks.push(new CrlRevocation(context, pool, crls));
  if (input.revocation !== undefined) checks.push(input.revocation);
  const search = new PathSearch(context, pool, combine(checks));
  const outcome = run(search, target);
  const candidates = [...others(context, pool, outcome.path), ...broken];
  if (outcome.valid) return { ...outcome, candidates, attempts: search.attempts };
  const failures = withBroken(outcome, broken);
  return { valid: false, path: outcome.path, failures, candidates, attempts: search.attempts };
}

/**
 * The failures of the path together with those of what could not be read: before them where that may be what is
 * missing (the path has no anchor, or no CRL tells a status), behind them otherwise.
 */
function withBroken({ path, failures }: Pick<PathVerdict, 'path' | 'failures'>, broken: Candidate[]): PathFailure[] {
  const missesCrl = failures.some(({ code }) => code === 'revocation-unknown' || code === 'crl-scope');
  const missesAnchor = path[path.length - 1]?.role !== 'anchor';
  const before = broken.filter(({ role }) => (role === 'crl' ? missesCrl : missesAnchor));
  const behind = broken.filter(({ role }) => role !== 'crl' && !missesAnchor);
  const failuresOf = (list: Candidate[]): PathFailure[] => list.flatMap((candidate) => candidate.failures);
  return [...failuresOf(before), ...failures, ...failuresOf(behind)];
}

function run(search: PathSearch, target: PathCertificate): Pick<PathVerdict, 'valid' | 'path' | 'failures'> {
  const found = within(() => search.find(target));
  if (found !== undefined && !(found instanceof BudgetExceeded))
    return { valid: true, path: pathOf(found), failures: [] };
  if (found instanceof BudgetExceeded) {
    const failure = pathFailure(`budget-${found.resource}`, target, `gave up: ${found.message}`);
    const tried = bestAttempt(search.attempts);
    return {
      valid: false,
      path: tried === undefined ? [target] : pathOf(tried),
      failures: rankFailures([failure, ...(tried?.report.failures ?? [])]),
    };
  }
  within(() => search.explain(target));
  const best = bestAttempt(search.attempts);
  if (best !== undefined) return { valid: false, path: pathOf(best), failures: rankFailures(best.report.failures) };
  const failure = pathFailure('issuer-not-found', target, 'none of the candidates leads to a trust anchor');
  return { valid: false, path: [target], failures: [failure] };
}

/** What the work returns, or the budget that it exceeded. */
function within<T>(work: () => T): T | BudgetExceeded {
  try {
    return work();
  } catch (error) {
    if (error instanceof BudgetExceeded) return error;
    throw error;
  }
}

function pathOf({ chain, anchor }: PathAttempt): PathCertificate[] {
  return anchor === undefined ? [...chain] : [...chain, anchor];
}

function combine(checks: readonly RevocationCheck[]): RevocationCheck | undefined {
  if (checks.length < 2) return checks[0];
  return { check: (certificate, issuer, path) => checks.flatMap((one) => one.check(certificate, issuer, path)) };
}

function readAll(
  sources: readonly (Source | PathCertificate)[],
  role: Role,
  sha256: Sha256,
  broken: Candidate[],
): PathCertificate[] {
  const certificates: PathCertificate[] = [];
  for (const source of sources) {
    if (source instanceof PathCertificate && source.role === role) {
      certificates.push(source);
      continue;
    }
    try {
      certificates.push(new PathCertificate(source.der, role, sha256, source.origin));
    } catch (error) {
      broken.push(brokenCandidate(source, role, 'certificate-malformed', error, sha256));
    }
  }
  return certificates;
}

function readCrls(sources: readonly (Source | PathCrl)[], sha256: Sha256, broken: Candidate[]): PathCrl[] {
  const crls: PathCrl[] = [];
  for (const source of sources) {
    if (source instanceof PathCrl) {
      crls.push(source);
      continue;
    }
    try {
      crls.push(new PathCrl(source.der, sha256, source.origin));
    } catch (error) {
      broken.push(brokenCandidate(source, 'crl', 'crl-malformed', error, sha256));
    }
  }
  return crls;
}

function brokenCandidate(
  { der, origin }: Source,
  role: Candidate['role'],
  code: FailureCode,
  error: unknown,
  sha256: Sha256,
): Candidate {
  const fingerprint = toHex(sha256(der));
  const subject = legibleName(der, role === 'crl' ? 'crl' : 'certificate');
  const about = { subjectText: subject, fingerprint };
  const problem = error instanceof Error ? error.message : String(error);
  const where = origin === undefined ? '' : `${origin}: `;
  return {
    subject,
    fingerprint,
    role,
    origin,
    used: false,
    failures: [pathFailure(code, about, `${where}${problem}`)],
  };
}

function others(context: PathContext, pool: CertificatePool, path: readonly PathCertificate[]): Candidate[] {
  return [...pool.anchors, ...pool.untrusted]
    .filter((certificate) => !path.includes(certificate))
    .map((certificate) => ({
      subject: certificate.subjectText,
      fingerprint: certificate.fingerprint,
      role: certificate.role,
      origin: certificate.origin,
      used: false,
      failures: ownFailures(context, certificate),
      certificate,
    }));
}

function ownFailures(context: PathContext, certificate: PathCertificate): PathFailure[] {
  try {
    return checkCertificate(context, certificate, certificate.role === 'anchor' ? 'anchor' : 'intermediate').failures;
  } catch (error) {
    if (error instanceof BudgetExceeded) return [];
    throw error;
  }
}
