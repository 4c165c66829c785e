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
import { type CrlCandidate, CrlSet, latestUpdate } from './crl-set.ts';
import { sameScope } from './delta.ts';
import type { RevokedEntry } from './entry-index.ts';
import type { PathCrl } from './path-crl.ts';
import { type Point, pointsOf } from './scope.ts';

/** A CRL that may be believed, with the delta CRLs that go with it: one, unless several have the same number. */
interface Believed {
  complete: PathCrl;
  deltas: readonly PathCrl[];
  reasons: ReasonMask;
  /** The latest thisUpdate of them, milliseconds since 1970. */
  latest: number;
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
  readonly #crls: CrlSet;
  readonly #points = new WeakMap<PathCertificate, readonly Point[]>();
  /** Signers whose own path is being looked for: their CRLs vouch for themselves only where the issuer's distribution point says so. */
  readonly #pending = new Set<PathCertificate>();
  readonly #trustedSigners = new Map<PathCertificate, Set<PathCertificate>>();

  constructor(context: PathContext, pool: CertificatePool, crls: readonly PathCrl[]) {
    this.#context = context;
    this.#pool = pool;
    this.#crls = new CrlSet(crls);
  }

  check(certificate: PathCertificate, issuer: PathCertificate, path: ValidatedPath): PathFailure[] {
    const spend = (steps: number): void => this.#context.budget.spend('steps', steps);
    const points = this.#pointsOf(certificate);
    const believed: Believed[] = [];
    const problems: PathFailure[] = [];
    for (const candidate of this.#crls.about(certificate, points, this.#context.at, spend)) {
      spend(believed.length);
      if ((candidate.reasons & ~settledReasons(believed, candidate)) === 0) continue;
      const question = { certificate, issuer, path, delegated: candidate.delegated };
      const crl = this.#believe(candidate, question, problems);
      const entry = crl === undefined ? undefined : findEntry(crl, certificate);
      if (entry !== undefined) return [revoked(certificate, entry)];
      if (crl !== undefined) believed.push(crl);
    }
    const covered = reasonsOf(believed);
    if (covered === ALL_REASONS) return [];
    problems.sort((a, b) => FAILURES[b.code].rank - FAILURES[a.code].rank);
    return [problems[0] ?? this.#unknown(certificate, covered !== 0 || this.#crls.hasIssuerOf(points))];
  }

  #pointsOf(certificate: PathCertificate): readonly Point[] {
    let points = this.#points.get(certificate);
    if (points === undefined) {
      points = pointsOf(certificate);
      this.#points.set(certificate, points);
    }
    return points;
  }

  #unknown(certificate: PathCertificate, scoped: boolean): PathFailure {
    if (scoped)
      return pathFailure('crl-scope', certificate, 'the CRLs of its issuer leave it out, or cover only some reasons');
    const name = certificate.issuerText || 'its issuer';
    if (this.#crls.hasDeltaOf(certificate.issuerKey))
      return pathFailure('crl-delta-without-base', certificate, `only a delta CRL of ${name} was given`);
    return pathFailure('revocation-unknown', certificate, `no CRL of ${name} was given`);
  }

  /** RFC 5280 §6.3.3(a), (c), (f) to (h). What speaks against the CRL is added to `problems`. */
  #believe(candidate: CrlCandidate, question: Question, problems: PathFailure[]): Believed | undefined {
    const { complete, reasons } = candidate;
    const { certificate } = question;
    const failures = checkCrl(this.#context, complete, certificate);
    if (failures.length > 0) {
      problems.push(...failures);
      return undefined;
    }
    const signer = this.#signer(complete, question, problems);
    if (signer === undefined) return undefined;
    const deltas = this.#believedDeltas(candidate, signer, certificate);
    const problem = deltas.length === 0 ? currency(complete, certificate, this.#context.at) : undefined;
    if (problem !== undefined) {
      problems.push(problem);
      return undefined;
    }
    return { complete, deltas, reasons, latest: latestUpdate(complete, deltas) };
  }

  /** RFC 5280 §6.3.3(c), (h): the delta CRLs with the highest number that may be believed. */
  #believedDeltas({ deltas }: CrlCandidate, signer: PathCertificate, certificate: PathCertificate): PathCrl[] {
    const found: PathCrl[] = [];
    for (const delta of deltas) {
      if (found[0] !== undefined && delta.number !== found[0].number) break;
      if (checkCrl(this.#context, delta, certificate).length > 0) continue;
      if (this.#context.verifies(delta.crl, signer)) found.push(delta);
    }
    return found;
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

/** The reasons for which CRLs have spoken that take the place of this one. */
function settledReasons(believed: readonly Believed[], candidate: CrlCandidate): ReasonMask {
  return reasonsOf(believed.filter((one) => supersedes(one, candidate)));
}

/** A later CRL does, whatever its scope, unless their common sequence says otherwise (RFC 5280 §5.2.3). Of two of one time neither does. */
function supersedes(one: Believed, { complete, latest }: CrlCandidate): boolean {
  if (one.latest <= latest) return false;
  if (!sameScope(one.complete, complete)) return true;
  const number = one.deltas[0]?.number ?? one.complete.number;
  return number === undefined || complete.number === undefined || number >= complete.number;
}

function reasonsOf(believed: readonly Believed[]): ReasonMask {
  return believed.reduce((mask, { reasons }) => mask | reasons, 0);
}

/** RFC 5280 §6.3.3(i) to (k): what the deltas say comes first; an entry that they remove is none. */
function findEntry({ complete, deltas }: Believed, certificate: PathCertificate): RevokedEntry | undefined {
  const serial = certificate.certificate.serialNumber;
  const find = (crl: PathCrl): RevokedEntry | undefined => crl.index.find(certificate.issuerKey, serial);
  const changes = deltas.map(find).filter((entry) => entry !== undefined);
  const entries = changes.length > 0 ? changes : [find(complete)];
  return entries.find((entry) => entry !== undefined && entry.reason !== 'removeFromCRL');
}

function revoked(certificate: PathCertificate, { date, reason }: RevokedEntry): PathFailure {
  return pathFailure('revoked', certificate, `revoked since ${formatTime(date)} (${reason})`);
}
