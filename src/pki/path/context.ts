import type { VerifySignature } from '../signature.ts';
import type { AlgorithmIdentifier } from '../x509/algorithm.ts';
import { type Insecure, type SignatureScheme, schemeWeakness, signatureScheme } from './algorithms.ts';
import { Budget } from './budget.ts';
import { DEFAULT_MAX_DEPTH, type PathOptions } from './options.ts';
import type { PathCertificate } from './path-certificate.ts';
import type { Report } from './report.ts';

const SECOND = 1000;

/** What one validation runs with: the time, the choices, the budget, and the results of signature checks. */
export class PathContext {
  /** Milliseconds since 1970, whole seconds: certificates know nothing finer (RFC 5280 §4.1.2.5). */
  readonly at: number;
  readonly options: PathOptions;
  readonly maxDepth: number;
  readonly strict: boolean;
  readonly budget: Budget;
  readonly #allow: ReadonlySet<Insecure>;
  readonly #verify: VerifySignature;
  readonly #reports = new WeakMap<PathCertificate, Map<string, Report>>();
  readonly #verified: WeakMap<Signed, Verified>;

  constructor(now: Date, options: PathOptions, verify: VerifySignature, parent?: PathContext) {
    this.at = Math.floor(now.getTime() / SECOND) * SECOND;
    this.options = options;
    this.maxDepth = options.maxDepth ?? DEFAULT_MAX_DEPTH;
    this.strict = options.strict ?? false;
    this.budget = parent?.budget ?? new Budget(options.budget);
    this.#verified = parent === undefined ? new WeakMap() : parent.#verified;
    this.#allow = options.allow ?? new Set();
    this.#verify = verify;
  }

  /** The same time, budget and results, without what is asked of the target only: for the path of a CRL's signer. */
  forCrlSigner(): PathContext {
    const { names: _names, purposes: _purposes, policies: _policies, ...options } = this.options;
    return new PathContext(new Date(this.at), { ...options, requireExplicitPolicy: false }, this.#verify, this);
  }

  allows(weakness: Insecure): boolean {
    return this.#allow.has(weakness);
  }

  /** A report on a certificate in a position, or on one question about it, made once. */
  reportOf(certificate: PathCertificate, position: string, make: () => Report): Report {
    let reports = this.#reports.get(certificate);
    if (reports === undefined) {
      reports = new Map();
      this.#reports.set(certificate, reports);
    }
    let report = reports.get(position);
    if (report === undefined) {
      report = make();
      reports.set(position, report);
    }
    return report;
  }

  /** Whether the algorithm is one that is checked at all; if not, why. */
  algorithmProblem(algorithm: AlgorithmIdentifier): 'unsupported' | Insecure | undefined {
    const scheme = signatureScheme(algorithm);
    if (scheme === undefined) return 'unsupported';
    const weakness = schemeWeakness(scheme);
    return weakness === undefined || this.#allow.has(weakness) ? undefined : weakness;
  }

  /**
   * Whether `issuer`'s key made the signature of `signed` (a certificate or a CRL). Each pair is checked once.
   * @throws BudgetExceeded
   */
  verifies(signed: Signed, issuer: PathCertificate): boolean {
    let verified = this.#verified.get(signed);
    if (verified === undefined) {
      verified = { scheme: signatureScheme(signed.signatureAlgorithm), results: new Map() };
      this.#verified.set(signed, verified);
    }
    const { scheme, results } = verified;
    if (scheme === undefined || issuer.keyShape?.type !== scheme.key) return false;
    const known = results.get(issuer.spki);
    if (known !== undefined) return known;
    this.budget.spend('signatures');
    const result = this.#verify(issuer.certificate.publicKey, signed.signatureAlgorithm, signed.tbs, signed.signature);
    results.set(issuer.spki, result);
    return result;
  }
}

/** What is known of one signature: how it is made, and which keys (found by their SubjectPublicKeyInfo) made it. */
interface Verified {
  scheme: SignatureScheme | undefined;
  results: Map<string, boolean>;
}

/** What certificates and CRLs have in common. */
export interface Signed {
  tbs: Uint8Array;
  signatureAlgorithm: AlgorithmIdentifier;
  signature: Uint8Array;
}
