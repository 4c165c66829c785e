import { desired, type Phase, type Side } from '../phase.ts';
import type { Blocker, GuardName } from './blocker.ts';
import { unsettled } from './guards/certificates.ts';
import { GUARDS, type Guard } from './guards/index.ts';
import type { Standing } from './proof.ts';
import { type Judged, judge, type Situation } from './situation.ts';
import { type Holder, holderKey } from './subject.ts';

/** Where a rollover is to go: on to its end, or back to where it came from. */
export type Direction = 'forward' | 'back';

/** The one thing to do next. */
export type Step =
  /** Gives these holders the trust bundle that the phase wants, with the CRLs of both hierarchies. */
  | { readonly do: 'deploy-trust'; readonly holders: readonly Holder[] }
  /** Issues certificates under the phase's CA to these holders, where they have none, and deploys them. */
  | { readonly do: 'replace-certificates'; readonly issuer: Side; readonly holders: readonly Holder[] }
  /** A record: from now on the bundles are without the new root. */
  | { readonly do: 'withdraw' }
  /** A record: the next phase. `weaker`: what it rests on that is no handshake, and who checks nobody. */
  | { readonly do: 'commit'; readonly from: Phase; readonly to: Phase; readonly weaker: readonly Standing[] }
  /** A guard does not hold. */
  | { readonly do: 'blocked'; readonly to: Phase; readonly blockers: readonly Blocker[] }
  /** The time that `--emergency` gives a phase is over: these are left out, by name. */
  | { readonly do: 'exclude'; readonly holders: readonly Holder[]; readonly blockers: readonly Blocker[] }
  /** No rollover is in progress, or it is done. */
  | { readonly do: 'nothing' };

export interface PlanOptions {
  readonly direction?: Direction;
  /** What this run has deployed already, as `attemptKey` names it: it is not tried again, its absence then blocks. */
  readonly attempted?: ReadonlySet<string>;
  /** False: in an emergency, too, nobody is left out, but blocks. */
  readonly mayLeaveOut?: boolean;
  /** The model takes one away, to see that it is needed. */
  readonly guards?: Readonly<Record<GuardName, Guard>>;
}

/** What each step out of a phase is guarded by; the way back from `retire` is open always. */
const FORWARD: Partial<Record<Phase, { to: Phase; guard?: GuardName }>> = {
  prepared: { to: 'distribute', guard: 'G1' },
  distribute: { to: 'issue-new', guard: 'G2' },
  'issue-new': { to: 'retire', guard: 'G3' },
  retire: { to: 'done', guard: 'G4' },
  rollback: { to: 'stable', guard: 'G5' },
};
const BACK: Partial<Record<Phase, { to: Phase; guard?: GuardName }>> = {
  prepared: { to: 'stable' },
  distribute: { to: 'rollback', guard: 'GR' },
  'issue-new': { to: 'rollback', guard: 'GR' },
  retire: { to: 'issue-new' },
  rollback: { to: 'stable', guard: 'G5' },
};

/**
 * What is to be done next. Pure: it depends on the log, the proofs and the time alone, so that it is the same after a
 * crash and for a second operator. First what the phase wants is deployed, the trust bundles before the certificates;
 * then the guard decides.
 */
export function nextStep(situation: Situation, options: PlanOptions = {}): Step {
  const { direction = 'forward', guards = GUARDS, attempted = new Set(), mayLeaveOut = true } = options;
  const { phase, withdrawn } = situation.rollover;
  const way = (direction === 'forward' ? FORWARD : BACK)[phase];
  if (way === undefined) return { do: 'nothing' };
  const judged = judge(situation);
  const blockers = way.guard === undefined ? [] : guards[way.guard](judged);
  if (phase === 'rollback' && !withdrawn && blockers.length === 0) return { do: 'withdraw' };
  const turning = direction === 'back' && phase !== 'rollback';
  const work = way.guard === undefined ? undefined : toDeploy(judged, attempted, turning);
  // What would keep the phase from its end is deployed; and what has fallen behind it, before it is left behind.
  if (work !== undefined) return work;
  if (blockers.length === 0) return { do: 'commit', from: phase, to: way.to, weaker: weaker(judged) };
  const late = mayLeaveOut ? overdue(situation, blockers) : undefined;
  return late ?? { do: 'blocked', to: way.to, blockers };
}

/** How an attempt of this run is remembered. */
export function attemptKey(what: 'deploy-trust' | 'replace-certificates', holder: Holder): string {
  return `${what} ${holderKey(holder)}`;
}

/**
 * Those whose trust is not proven to be what the phase wants, then those whose certificates are not. Who turns back wants
 * no more than the old root in everybody's trust.
 */
function toDeploy(judged: Judged, attempted: ReadonlySet<string>, turning: boolean): Step | undefined {
  const { phase, withdrawn } = judged.situation.rollover;
  if (phase === 'prepared') return undefined;
  const { trust, issuer } = desired(phase, withdrawn);
  const behind = judged.standings.filter(
    ({ subject, checksNone, trustsOld, trustsNew }) =>
      subject.service !== '' &&
      !checksNone &&
      (turning
        ? lacksOld(trustsOld, phase)
        : trustsOld !== trust.includes('old') || trustsNew !== trust.includes('new')),
  );
  const subjects = behind.map(({ subject }) => subject);
  const trusting = untried('deploy-trust', subjects, attempted);
  if (trusting.length > 0) return { do: 'deploy-trust', holders: trusting };
  if (turning || (phase !== 'issue-new' && phase !== 'rollback')) return undefined;
  const placed = new Set(
    judged.standings.filter(({ subject }) => subject.service !== '' || subject.atLeast === 'agent').map(placeOf),
  );
  const old = unsettled(judged, issuer === 'old' ? 'new' : 'old')
    .map(({ certificate }) => certificate)
    .filter((certificate) => placed.has(placeOf({ subject: certificate })));
  const replacing = untried('replace-certificates', old, attempted);
  return replacing.length > 0 ? { do: 'replace-certificates', issuer, holders: replacing } : undefined;
}

/** The place for a certificate: where a holder has no service there is none, and its operator hands it over. */
function placeOf({ subject }: { readonly subject: Holder & { readonly plane: string } }): string {
  return `${holderKey(subject)} ${subject.plane}`;
}

/** Who is to have the old root before the way back begins: in `distribute` nobody was told to drop it yet. */
function lacksOld(trustsOld: boolean | undefined, phase: Phase): boolean {
  return phase === 'distribute' ? trustsOld === false : trustsOld !== true;
}

function untried(
  what: 'deploy-trust' | 'replace-certificates',
  among: readonly Holder[],
  attempted: ReadonlySet<string>,
): Holder[] {
  const holders = new Map(among.map(({ kind, name }) => [holderKey({ kind, name }), { kind, name }]));
  return [...holders.values()].filter((holder) => !attempted.has(attemptKey(what, holder)));
}

/** What rests on less than a handshake; and who has nothing to prove, since it checks nobody. */
function weaker({ standings }: Judged): Standing[] {
  return standings.filter(
    ({ provenBy, checksNone }) => checksNone || (provenBy !== undefined && provenBy !== 'handshake'),
  );
}

/** In an emergency, who has missed the phase's deadline. What is nobody's is never left out. */
function overdue({ rollover, now }: Situation, blockers: readonly Blocker[]): Step | undefined {
  const { deadline, since } = rollover;
  if (deadline === undefined || now < since + deadline) return undefined;
  const holders = new Map<string, Holder>();
  for (const { holder } of blockers) {
    if (holder === undefined) return undefined;
    holders.set(holderKey(holder), holder);
  }
  return { do: 'exclude', holders: [...holders.values()], blockers };
}
