import { ALL_REASONS, type ReasonMask } from '../../x509/distribution-point.ts';
import { PathSearch } from '../build.ts';
import type { PathContext } from '../context.ts';
import { type PathFailure, pathFailure } from '../failure.ts';
import { FAILURES } from '../failure-codes.ts';
import { formatTime } from '../format-time.ts';
import type { PathCertificate } from '../path-certificate.ts';
import type { CertificatePool } from '../pool.ts';
import type { RevocationCheck, ValidatedPath } from '../validate.ts';
import { checkCrl } from './crl-checks.ts';
import { deltaFits } from './delta.ts';
import type { RevokedEntry } from './entry-index.ts';
import type { PathCrl } from './path-crl.ts';
import { pointsOf, scopeReasons } from './scope.ts';

/** A CRL that may be believed, with the delta CRL that goes with it. */
interface Believed {
  complete: PathCrl;
  delta: PathCrl | undefined;
}

/** The certificate whose status is asked for, and where. */
interface Question {
  certificate: PathCertificate;
  issuer: PathCertificate;
  path: ValidatedPath;
  /** Whether its distribution point names the CRL's issuer. */
  delegated: boolean;
}

/**
 * CRL validation (RFC 5280 §6.3) over the CRLs given, nothing is fetched. Hard fail: a certificate whose status is
 * not certain for every reason fails.
 */
export class CrlRevocation implements RevocationCheck {
  readonly #context: PathContext;
  readonly #pool: CertificatePool;
  readonly #complete: readonly PathCrl[];
  readonly #deltas: readonly PathCrl[];
  /** Signers whose own path is being looked for: their CRLs vouch for themselves only where the issuer's distribution point says so. */
  readonly #pending = new Set<PathCertificate>();
  readonly #trustedSigners = new Map<PathCertificate, Set<PathCertificate>>();

  constructor(context: PathContext, pool: CertificatePool, crls: readonly PathCrl[]) {
    this.#context = context;
    this.#pool = pool;
    this.#complete = crls.filter(({ baseNumber }) => baseNumber === undefined);
    this.#deltas = crls.filter(({ baseNumber }) => baseNumber !== undefined);
  }

  check(certificate: PathCertificate, issuer: PathCertificate, path: ValidatedPath): PathFailure[] {
    let covered: ReasonMask = 0;
    let outOfScope = false;
    const problems: PathFailure[] = [];
    for (const point of pointsOf(certificate))
      for (const crl of this.#complete) {
        const reasons = scopeReasons(crl, certificate, point);
        if (reasons === undefined) outOfScope ||= point.issuers.includes(crl.issuerKey);
        else if ((reasons & ~covered) !== 0) {
          const believed = this.#believe(crl, { certificate, issuer, path, delegated: point.indirect }, problems);
          if (believed === undefined) continue;
          const entry = findEntry(believed, certificate);
          if (entry !== undefined) return [revoked(certificate, entry)];
          covered |= reasons;
          if (covered === ALL_REASONS) return [];
        }
      }
    problems.sort((a, b) => FAILURES[b.code].rank - FAILURES[a.code].rank);
    const worst = problems[0];
    return [worst ?? this.#unknown(certificate, covered !== 0 || outOfScope)];
  }

  #unknown(certificate: PathCertificate, scoped: boolean): PathFailure {
    if (scoped)
      return pathFailure('crl-scope', certificate, 'the CRLs of its issuer leave it out, or cover only some reasons');
    const name = certificate.issuerText || 'its issuer';
    if (this.#deltas.some(({ issuerKey }) => issuerKey === certificate.issuerKey))
      return pathFailure('crl-delta-without-base', certificate, `only a delta CRL of ${name} was given`);
    return pathFailure('revocation-unknown', certificate, `no CRL of ${name} was given`);
  }

  /** RFC 5280 §6.3.3(a), (c), (f) to (h). What speaks against the CRL is added to `problems`. */
  #believe(crl: PathCrl, question: Question, problems: PathFailure[]): Believed | undefined {
    const { certificate } = question;
    const failures = checkCrl(this.#context, crl, certificate);
    if (failures.length > 0) {
      problems.push(...failures);
      return undefined;
    }
    const signer = this.#signer(crl, question, problems);
    if (signer === undefined) return undefined;
    const delta = this.#deltas.find(
      (candidate) =>
        deltaFits(candidate, crl) &&
        candidate.isCurrentAt(this.#context.at) &&
        checkCrl(this.#context, candidate, certificate).length === 0 &&
        this.#context.verifies(candidate.crl, signer),
    );
    const problem = delta === undefined ? currency(crl, certificate, this.#context.at) : undefined;
    if (problem !== undefined) {
      problems.push(problem);
      return undefined;
    }
    return { complete: crl, delta };
  }

  /** The certificate whose key signed the CRL and that may sign CRLs: the issuer, or one with a path of its own. */
  #signer(crl: PathCrl, question: Question, problems: PathFailure[]): PathCertificate | undefined {
    const { certificate, issuer, path } = question;
    const onPath = [issuer, ...path.chain, path.anchor];
    const candidates = [...onPath, ...this.#pool.withSubject(crl.issuerKey)];
    const named = [...new Set(candidates)].filter(({ subjectKey }) => subjectKey === crl.issuerKey);
    const name = crl.subjectText;
    let signed = false;
    for (const candidate of named) {
      if (!this.#context.verifies(crl.crl, candidate)) continue;
      signed = true;
      const usages = candidate.extensions.keyUsage;
      if (usages !== undefined && !usages.has('cRLSign')) {
        const message = `the CRL's signer ${name} has the key usage ${[...usages].join(', ')}`;
        problems.push(pathFailure('crl-signer-not-allowed', certificate, message));
      } else if (this.#isTrusted(candidate, question)) return candidate;
      else problems.push(pathFailure('crl-signer-not-found', certificate, `no valid path to the CRL's signer ${name}`));
    }
    if (named.length === 0)
      problems.push(pathFailure('crl-signer-not-found', certificate, `no certificate of the CRL's signer ${name}`));
    else if (!signed)
      problems.push(
        pathFailure('crl-signature-invalid', certificate, `no key of ${name} verifies the CRL's signature`),
      );
    return undefined;
  }

  /** RFC 5280 §6.3.3(f): the signer is above the certificate on this path, or has a path to the same anchor. */
  #isTrusted(signer: PathCertificate, { certificate, path, delegated }: Question): boolean {
    if (signer === path.anchor) return true;
    if (path.chain.indexOf(signer) > path.chain.indexOf(certificate)) return true;
    const known = this.#trustedSigners.get(path.anchor);
    if (known?.has(signer) === true) return true;
    if (signer.role === 'anchor') return false;
    if (this.#pending.has(signer)) return signer === certificate && delegated;
    this.#pending.add(signer);
    try {
      const context = this.#context.forCrlSigner();
      if (new PathSearch(context, this.#pool, this, path.anchor).find(signer) === undefined) return false;
    } finally {
      this.#pending.delete(signer);
    }
    if (known === undefined) this.#trustedSigners.set(path.anchor, new Set([signer]));
    else known.add(signer);
    return true;
  }
}

function currency(crl: PathCrl, certificate: PathCertificate, at: number): PathFailure | undefined {
  const { thisUpdate, nextUpdate } = crl.crl;
  const name = crl.subjectText;
  if (at < thisUpdate)
    return pathFailure(
      'crl-not-yet-valid',
      certificate,
      `the CRL of ${name} is of ${formatTime(thisUpdate)}, and it is ${formatTime(at)}`,
    );
  if (nextUpdate === undefined)
    return pathFailure('crl-no-next-update', certificate, `the CRL of ${name} has no nextUpdate`);
  if (at > nextUpdate)
    return pathFailure(
      'crl-expired',
      certificate,
      `the CRL of ${name} was current until ${formatTime(nextUpdate)}, and it is ${formatTime(at)}`,
    );
  return undefined;
}

/** RFC 5280 §6.3.3(i) to (k): what the delta says comes first; an entry that it removes is none. */
function findEntry({ complete, delta }: Believed, certificate: PathCertificate): RevokedEntry | undefined {
  const serial = certificate.certificate.serialNumber;
  const entry = delta?.index.find(certificate.issuerKey, serial) ?? complete.index.find(certificate.issuerKey, serial);
  return entry?.reason === 'removeFromCRL' ? undefined : entry;
}

function revoked(certificate: PathCertificate, { date, reason }: RevokedEntry): PathFailure {
  return pathFailure('revoked', certificate, `revoked since ${formatTime(date)} (${reason})`);
}
