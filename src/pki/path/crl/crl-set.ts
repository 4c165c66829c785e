import type { ReasonMask } from '../../x509/distribution-point.ts';
import type { PathCertificate } from '../path-certificate.ts';
import { deltaFits } from './delta.ts';
import type { PathCrl } from './path-crl.ts';
import { type Point, scopeReasons } from './scope.ts';

/** A complete CRL in whose scope a certificate is, with the delta CRLs that may go with it. */
export interface CrlCandidate {
  complete: PathCrl;
  /** For these it tells the status. */
  reasons: ReasonMask;
  /** Whether the certificate's distribution point names the CRL's issuer. */
  delegated: boolean;
  /** Current ones that fit, the highest number first. */
  deltas: readonly PathCrl[];
  /** The latest thisUpdate of them all, milliseconds since 1970. */
  latest: number;
}

/** The CRLs given: complete ones and deltas by their issuer. */
export class CrlSet {
  readonly #complete: ReadonlyMap<string, readonly PathCrl[]>;
  readonly #deltas: ReadonlyMap<string, readonly PathCrl[]>;

  constructor(crls: readonly PathCrl[]) {
    this.#complete = byIssuer(crls.filter(({ baseNumber }) => baseNumber === undefined));
    const deltas = crls.filter(({ baseNumber }) => baseNumber !== undefined);
    this.#deltas = byIssuer(deltas.toSorted((a, b) => descending(a.number ?? 0n, b.number ?? 0n)));
  }

  hasDeltaOf(issuerKey: string): boolean {
    return this.#deltas.has(issuerKey);
  }

  /** Whether a complete CRL comes from an issuer that one of the points names. */
  hasIssuerOf(points: readonly Point[]): boolean {
    return points.some(({ issuers }) => issuers.some((issuer) => this.#complete.has(issuer)));
  }

  /**
   * The CRLs that tell something of the certificate, whatever the order in which they were given: the latest first
   * (RFC 5280 §6.3.3 works with the current CRL of each distribution point). `spend` counts the comparisons.
   */
  about(
    certificate: PathCertificate,
    points: readonly Point[],
    at: number,
    spend: (steps: number) => void,
  ): CrlCandidate[] {
    const candidates: CrlCandidate[] = [];
    for (const delegated of [false, true]) {
      const reasons = this.#inScope(
        certificate,
        points.filter(({ indirect }) => indirect === delegated),
        spend,
      );
      for (const [complete, mask] of reasons) {
        const deltas = this.#deltasFor(complete, at, spend);
        candidates.push({ complete, reasons: mask, delegated, deltas, latest: latestUpdate(complete, deltas) });
      }
    }
    return candidates.toSorted(
      (a, b) => b.latest - a.latest || descending(a.complete.number ?? 0n, b.complete.number ?? 0n),
    );
  }

  /** What each CRL covers by any of the points. */
  #inScope(
    certificate: PathCertificate,
    points: readonly Point[],
    spend: (steps: number) => void,
  ): Map<PathCrl, ReasonMask> {
    const covered = new Map<PathCrl, ReasonMask>();
    for (const point of points)
      for (const issuer of point.issuers)
        for (const crl of this.#complete.get(issuer) ?? []) {
          spend(1 + (crl.pointKeys?.length ?? 0));
          const reasons = scopeReasons(crl, certificate, point);
          if (reasons !== undefined) covered.set(crl, (covered.get(crl) ?? 0) | reasons);
        }
    return covered;
  }

  #deltasFor(complete: PathCrl, at: number, spend: (steps: number) => void): PathCrl[] {
    const deltas = this.#deltas.get(complete.issuerKey) ?? [];
    spend(deltas.length);
    return deltas.filter((delta) => delta.isCurrentAt(at) && deltaFits(delta, complete));
  }
}

function byIssuer(crls: readonly PathCrl[]): Map<string, PathCrl[]> {
  const groups = new Map<string, PathCrl[]>();
  for (const crl of crls) {
    const group = groups.get(crl.issuerKey);
    if (group === undefined) groups.set(crl.issuerKey, [crl]);
    else group.push(crl);
  }
  return groups;
}

/** The latest thisUpdate of a complete CRL and its deltas, milliseconds since 1970. */
export function latestUpdate(complete: PathCrl, deltas: readonly PathCrl[]): number {
  return deltas.reduce((latest, { crl }) => Math.max(latest, crl.thisUpdate), complete.crl.thisUpdate);
}

function descending(a: bigint, b: bigint): number {
  return a === b ? 0 : a > b ? -1 : 1;
}
