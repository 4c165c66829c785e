import { equalBytes } from '../der/writer.ts';
import { checkCertificate } from './certificate-checks.ts';
import type { PathContext } from './context.ts';
import { type PathFailure, pathFailure } from './failure.ts';
import type { PathCertificate } from './path-certificate.ts';
import type { CertificatePool } from './pool.ts';
import { namesBelow } from './reach.ts';
import { Report } from './report.ts';
import { intermediates, type RevocationCheck, validateFragment, validatePath } from './validate.ts';

/** One path that was tried: complete, when it has an anchor, or a dead end. */
export interface PathAttempt {
  chain: readonly PathCertificate[];
  anchor: PathCertificate | undefined;
  report: Report;
}

/** How many failed paths are kept to choose the explanation from. */
const MAX_ATTEMPTS = 64;
/** Keys tried for a signature after one that verified it. */
const MORE_KEYS = 4;
/** Paths longer than this are never followed, whatever the depth allowed. */
const MAX_LENGTH = 300;

/**
 * Searches a valid path, depth first and with backtracking on every failure (RFC 4158). First only where nothing is
 * known against a candidate; when that finds none, again along every candidate, to explain why.
 *
 * A certificate with the subject and key of one that is on the path already cannot help, and would make a cycle
 * (RFC 4158 §5.2). Once a signature verified with one key, few others are tried for it: only who makes a key to fit a
 * signature can have two that do.
 */
export class PathSearch {
  readonly attempts: PathAttempt[] = [];
  readonly #context: PathContext;
  readonly #pool: CertificatePool;
  readonly #revocation: RevocationCheck | undefined;
  readonly #anchor: PathCertificate | undefined;
  readonly #sound = new Map<PathCertificate, boolean>();
  readonly #ordered = new Map<PathCertificate, readonly PathCertificate[]>();
  #names: ReadonlySet<string> | undefined;

  /** With `anchor`, only paths that end there. */
  constructor(context: PathContext, pool: CertificatePool, revocation?: RevocationCheck, anchor?: PathCertificate) {
    this.#context = context;
    this.#pool = pool;
    this.#revocation = revocation;
    this.#anchor = anchor;
  }

  /** The first valid path from `target`. @throws BudgetExceeded */
  find(target: PathCertificate): PathAttempt | undefined {
    const itself = this.#pool.anchorLike(target);
    if (itself !== undefined && (this.#anchor === undefined || this.#anchor === itself)) {
      const attempt = this.#try([], itself);
      if (attempt.report.failures.length === 0) return attempt;
    }
    return this.#extend([target], false);
  }

  /** Follows every candidate once more, and fills `attempts` with what is wrong. @throws BudgetExceeded */
  explain(target: PathCertificate): void {
    this.attempts.length = 0;
    const itself = this.#pool.anchorLike(target);
    if (itself !== undefined) this.#try([], itself);
    this.#extend([target], true);
  }

  #extend(chain: readonly PathCertificate[], explaining: boolean): PathAttempt | undefined {
    const current = chain[chain.length - 1] as PathCertificate;
    let extended = false;
    for (const issuer of this.#issuers(current, chain, explaining)) {
      if (explaining && this.attempts.length >= MAX_ATTEMPTS) return undefined;
      this.#context.budget.spend('builds');
      extended = true;
      if (issuer.role === 'anchor') {
        if (!explaining && !this.#isSound(issuer)) continue;
        const attempt = this.#try(chain, issuer);
        if (attempt.report.failures.length === 0) return attempt;
      } else if (explaining ? chain.length < MAX_LENGTH : this.#mayFollow(issuer, chain)) {
        const found = this.#extend([...chain, issuer], explaining);
        if (found !== undefined) return found;
      }
    }
    if (!extended && explaining) this.#deadEnd(chain);
    return undefined;
  }

  #try(chain: readonly PathCertificate[], anchor: PathCertificate): PathAttempt {
    this.#context.budget.spend('builds', chain.length);
    const attempt = { chain, anchor, report: validatePath(this.#context, { chain, anchor }, this.#revocation) };
    if (this.attempts.length < MAX_ATTEMPTS) this.attempts.push(attempt);
    return attempt;
  }

  #deadEnd(chain: readonly PathCertificate[]): void {
    const last = chain[chain.length - 1] as PathCertificate;
    const report = new Report();
    report.append(validateFragment(this.#context, chain));
    report.add('issuer found', last, [this.#missing(last)]);
    this.attempts.push({ chain, anchor: undefined, report });
  }

  #missing(last: PathCertificate): PathFailure {
    if (last.selfIssued)
      return pathFailure('untrusted-root', last, `${last.subjectText || 'it'} is self-issued and no trust anchor`);
    const issuer = last.issuerText || '(the empty name)';
    if (this.#pool.withSubject(last.issuerKey).some(({ role }) => role !== 'anchor'))
      return pathFailure('issuer-not-found', last, `its issuer ${issuer} only leads back to this path`);
    return pathFailure('issuer-not-found', last, `its issuer ${issuer} is not among the anchors and candidates`);
  }

  /** Candidates that signed `current`; when explaining and none did, the likeliest of those with the right name. */
  *#issuers(
    current: PathCertificate,
    chain: readonly PathCertificate[],
    explaining: boolean,
  ): Generator<PathCertificate> {
    const { budget } = this.#context;
    const signers = new Set<string>();
    const onPath = new Set(chain.filter(({ subjectKey }) => subjectKey === current.issuerKey).map(({ spki }) => spki));
    let likeliest: PathCertificate | undefined;
    let more = MORE_KEYS;
    budget.spend('steps', chain.length);
    for (const candidate of this.#candidates(current)) {
      budget.spend('steps');
      if (candidate.role !== 'anchor' && onPath.has(candidate.spki)) continue;
      likeliest ??= candidate;
      if (signers.size > 0 && !signers.has(candidate.spki) && more-- <= 0) continue;
      if (!this.#context.verifies(current.certificate, candidate)) continue;
      signers.add(candidate.spki);
      yield candidate;
    }
    if (signers.size === 0 && explaining && likeliest !== undefined) yield likeliest;
  }

  /** Certificates of the issuer's name, the likeliest first; put in order once, on however many paths `current` is. */
  #candidates(current: PathCertificate): readonly PathCertificate[] {
    const known = this.#ordered.get(current);
    if (known !== undefined) return known;
    const named = this.#pool.withSubject(current.issuerKey);
    this.#context.budget.spend('steps', named.length);
    const ordered = named
      .filter((candidate) => candidate.role !== 'anchor' || this.#anchor === undefined || candidate === this.#anchor)
      .map((candidate, i) => ({ candidate, score: this.#score(current, candidate) - i / named.length }))
      .toSorted((a, b) => b.score - a.score)
      .map(({ candidate }) => candidate);
    this.#ordered.set(current, ordered);
    return ordered;
  }

  /** What to try first: the identified key, anchors, what nothing is known against. */
  #score(current: PathCertificate, candidate: PathCertificate): number {
    const wanted = current.extensions.authorityKeyIdentifier?.keyIdentifier;
    const offered = candidate.extensions.subjectKeyIdentifier;
    let score = candidate.role === 'anchor' ? 2 : 0;
    if (wanted !== undefined && offered !== undefined) score += equalBytes(wanted, offered) ? 8 : -8;
    if (this.#isSound(candidate)) score += 4;
    return score;
  }

  #isSound(candidate: PathCertificate): boolean {
    let sound = this.#sound.get(candidate);
    if (sound === undefined) {
      const position = candidate.role === 'anchor' ? 'anchor' : 'intermediate';
      sound = checkCertificate(this.#context, candidate, position).failures.length === 0;
      this.#sound.set(candidate, sound);
    }
    return sound;
  }

  /** Whether by names a path leads from this issuer to an anchor, over certificates that nothing is known against. */
  #leadsOn(issuerKey: string): boolean {
    if (this.#names === undefined) {
      const sound = (certificate: PathCertificate): boolean => this.#isSound(certificate);
      const anchors = this.#anchor === undefined ? this.#pool.anchors : [this.#anchor];
      this.#names = namesBelow(anchors.filter(sound), this.#pool.untrusted.filter(sound));
    }
    return this.#names.has(issuerKey);
  }

  /** Whether a path through this intermediate can still be valid. */
  #mayFollow(issuer: PathCertificate, chain: readonly PathCertificate[]): boolean {
    if (!this.#leadsOn(issuer.issuerKey) || !this.#isSound(issuer)) return false;
    const below = intermediates(chain);
    const allowed = issuer.extensions.basicConstraints?.pathLenConstraint;
    if (allowed !== undefined && below > allowed) return false;
    return chain.length < MAX_LENGTH && below + (issuer.selfIssued ? 0 : 1) <= this.#context.maxDepth;
  }
}
