import type { Form, Phase, Side } from '../phase.ts';
import { type Freshness, type Proof, type Standing, standingOf } from './proof.ts';
import { type Holder, holderKey, type Subject, subjectKey } from './subject.ts';

/** What the log says of a rollover. Times in milliseconds since 1970. */
export interface RolloverFacts {
  readonly form: Form;
  readonly phase: Phase;
  /** In `rollback`: N goes out of the bundles. */
  readonly withdrawn: boolean;
  /** When the phase began. */
  readonly since: number;
  /** When what the phases want to be trusted last changed, and who is to issue: an operator's word of before is no word. */
  readonly trustSince: number;
  readonly issuerSince: number;
  /** N and NewWithOld were verified by an independent code path, and a backup was made and restored once. */
  readonly prepared: { readonly verified: boolean; readonly backup: boolean };
  readonly excluded: readonly Holder[];
  readonly confirmed: readonly Confirmation[];
  /** `--emergency`: milliseconds that a phase may take. */
  readonly deadline?: number | undefined;
}

/** An operator's word for a node or client: what it trusts, and that it shows certificates of one side only. */
export interface Confirmation extends Holder {
  readonly at: number;
  readonly trustsOld?: boolean | undefined;
  readonly trustsNew?: boolean | undefined;
  readonly serves?: Side | undefined;
}

/** A certificate that has not expired. */
export interface LiveCertificate extends Holder {
  readonly plane: string;
  readonly serial: string;
  readonly issuer: Side;
  readonly notAfter: number;
  readonly revoked: boolean;
  /** A later one was issued to the same holder and plane. */
  readonly superseded: boolean;
}

/** All that the planner and the guards decide by. */
export interface Situation extends Freshness {
  readonly rollover: RolloverFacts;
  /** Every service in every role, and every holder that has none: also those that are excluded. */
  readonly subjects: readonly Subject[];
  readonly certificates: readonly LiveCertificate[];
  readonly proofs: readonly Proof[];
}

/** A situation with what the proofs come to: made once, asked often. */
export interface Judged {
  readonly situation: Situation;
  /** Those that are gated: nobody who is excluded. */
  readonly standings: readonly Standing[];
  /** The unexpired, unrevoked certificates of holders that are not excluded. */
  readonly certificates: readonly LiveCertificate[];
}

/** Weighs the proofs, an operator's words among them. */
export function judge(situation: Situation): Judged {
  const { rollover, subjects, certificates, proofs, now } = situation;
  const excluded = new Set(rollover.excluded.map(holderKey));
  const taking = <T extends Holder>(all: readonly T[]): T[] => all.filter((one) => !excluded.has(holderKey(one)));
  const found = new Map<string, Proof[]>();
  for (const proof of proofs) {
    const key = subjectKey(proof);
    const list = found.get(key);
    if (list === undefined) found.set(key, [proof]);
    else list.push(proof);
  }
  const words = new Map<string, Confirmation[]>();
  for (const word of rollover.confirmed) words.set(holderKey(word), [...(words.get(holderKey(word)) ?? []), word]);
  const standings = taking(subjects).map((subject) => {
    const declared = (words.get(holderKey(subject)) ?? []).map((word) => declaration(subject, word, rollover));
    return standingOf(subject, [...(found.get(subjectKey(subject)) ?? []), ...declared], situation);
  });
  const live = taking(certificates).filter(({ revoked, notAfter }) => !revoked && notAfter >= now);
  return { situation, standings, certificates: live };
}

/** What a word says of a subject, as far as nothing else is wanted by now than when it was given. */
function declaration(subject: Subject, word: Confirmation, { trustSince, issuerSince }: RolloverFacts): Proof {
  const { kind, name, plane, service, role } = subject;
  const { at, trustsOld, trustsNew, serves } = word;
  const trust = at >= trustSince ? { trustsOld, trustsNew } : {};
  const shown = at >= issuerSince ? { serves } : {};
  return { kind, name, plane, service, role, ...trust, ...shown, at, provenBy: 'declared' };
}
