import type { Side } from '../phase.ts';
import type { ProvenBy, Subject, SubjectName } from './subject.ts';

/** What was found of one service in one role. What was not found out is absent. Times in milliseconds since 1970. */
export type Proof = SubjectName & {
  /** Whether the anchor is in its trust; false only as `judgeProbes` says it. */
  readonly trustsOld?: boolean | undefined;
  readonly trustsNew?: boolean | undefined;
  /** In the role `accept`: it checks no certificate of who connects, so that there is no trust to prove. */
  readonly checksNone?: boolean | undefined;
  /** Whose certificate it shows. */
  readonly serves?: Side | undefined;
  /** SHA-256 of that certificate, or of the bundle that was found. */
  readonly fingerprint?: string | undefined;
  /** Absent where nothing was proven. */
  readonly provenBy?: ProvenBy | undefined;
  readonly at: number;
  /** In the role `connect`: by what it was made to connect to us; or, of its file, why it was not. */
  readonly how?: string | undefined;
  /** Why nothing, or not all, is proven. */
  readonly error?: string | undefined;
};

const STRENGTH: Record<ProvenBy, number> = { handshake: 3, agent: 2, file: 1, declared: 0 };

/** Whether a proof is as strong as another, or stronger. */
export function isAtLeast(provenBy: ProvenBy, weakest: ProvenBy): boolean {
  return STRENGTH[provenBy] >= STRENGTH[weakest];
}

/** What is dated later than this from now is not believed: a clock was moved. */
const TOLERANCE = 60_000;

/** When proofs count. */
export interface Freshness {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What was seen before this does not count: the beginning of the `advance` that uses it. Zero to show what is known. */
  readonly since: number;
}

/**
 * Whether a proof is fresh enough to decide by. Handshakes and files are looked at anew in each `advance`, by agents as by
 * us; an operator's word holds until the next one, or the end of the rollover.
 */
export function isFresh({ provenBy, at }: Pick<Proof, 'provenBy' | 'at'>, { now, since }: Freshness): boolean {
  if (at > now + TOLERANCE) return false;
  return provenBy === 'declared' || at >= since;
}

/** What is held to be true of a subject, each fact by its strongest proof. */
export interface Standing {
  readonly subject: Subject;
  readonly trustsOld?: boolean | undefined;
  readonly trustsNew?: boolean | undefined;
  readonly checksNone?: boolean | undefined;
  readonly serves?: Side | undefined;
  /** The weakest proof among those that the facts rest on, and the oldest of their times. */
  readonly provenBy?: ProvenBy | undefined;
  readonly provenAt?: number | undefined;
  /** Of the weakest: more of how it is known. */
  readonly how?: string | undefined;
  readonly error?: string | undefined;
}

type Fact = 'trustsOld' | 'trustsNew' | 'serves' | 'checksNone';
const TRUST: readonly Fact[] = ['trustsOld', 'trustsNew'];

/**
 * What holds of a subject by its proofs, in any order. Those that are stale, or weaker than the subject asks for, say
 * nothing; of the others the strongest counts, and among equals the latest.
 */
export function standingOf(subject: Subject, proofs: readonly Proof[], freshness: Freshness): Standing {
  const fresh = proofs.filter((proof) => isFresh(proof, freshness));
  const counting = fresh.filter(({ provenBy }) => provenBy !== undefined && isAtLeast(provenBy, subject.atLeast));
  const used = new Set<Proof>();
  const facts: { [F in Fact]?: Proof[F] } = {};
  const take = <F extends Fact>(fact: F): void => {
    const best = counting.filter((proof) => proof[fact] !== undefined).toSorted(byWeight)[0];
    if (best === undefined) return;
    facts[fact] = best[fact];
    used.add(best);
  };
  // Who checks nothing trusts nothing: what was proven of its trust before, or by less, is not held beside it.
  const [best] = counting
    .filter((proof) => proof.checksNone ?? TRUST.some((fact) => proof[fact] !== undefined))
    .toSorted(byWeight);
  for (const fact of best?.checksNone ? (['checksNone', 'serves'] as const) : ([...TRUST, 'serves'] as const))
    take(fact);
  const weakest = [...used].toSorted(byWeight).at(-1);
  const error = fresh.toSorted((a, b) => b.at - a.at).find((proof) => proof.error !== undefined)?.error;
  return {
    subject,
    ...facts,
    ...(weakest === undefined
      ? {}
      : {
          provenBy: weakest.provenBy,
          provenAt: Math.min(...[...used].map(({ at }) => at)),
          ...(weakest.how === undefined ? {} : { how: weakest.how }),
        }),
    ...(error === undefined ? {} : { error }),
  };
}

function byWeight(a: Proof, b: Proof): number {
  const strength = ({ provenBy = 'declared' }: Proof): number => STRENGTH[provenBy];
  return strength(b) - strength(a) || b.at - a.at;
}
