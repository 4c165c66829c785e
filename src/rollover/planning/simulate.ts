import { desired, type Phase, type Side } from '../phase.ts';
import type { Direction } from './planner.ts';
import type { Standing } from './proof.ts';
import type { Judged } from './situation.ts';
import { holderKey, holderText, type Subject } from './subject.ts';

/** Two services, one of which would refuse the other. */
export interface Break {
  /** `now`, a phase, or the way from one phase to another. */
  readonly when: string;
  /** Who connects, and to whom. */
  readonly from: string;
  readonly to: string;
  /** In lower case, no full stop. */
  readonly why: string;
}

/** What a service may trust and show at a moment, each one of several while it is being changed. */
interface Condition {
  readonly who: string;
  readonly holder: string;
  /** None where it checks nobody who connects; undefined where nobody can connect to it. */
  readonly accept: readonly (readonly Side[])[] | undefined;
  readonly connect: readonly (readonly Side[])[];
  readonly shows: readonly Side[];
}

/** The phases from one to the end. */
const FORWARD: Record<Phase, readonly Phase[]> = {
  stable: ['prepared', 'distribute', 'issue-new', 'retire', 'done'],
  prepared: ['distribute', 'issue-new', 'retire', 'done'],
  distribute: ['issue-new', 'retire', 'done'],
  'issue-new': ['retire', 'done'],
  retire: ['done'],
  rollback: ['stable'],
  done: [],
};
const BACK: Record<Phase, readonly Phase[]> = {
  stable: [],
  prepared: ['stable'],
  distribute: ['rollback', 'stable'],
  'issue-new': ['rollback', 'stable'],
  retire: ['issue-new', 'rollback', 'stable'],
  rollback: ['stable'],
  done: [],
};

/** How many a plan lists; a cluster in which more is broken has another problem. */
const MOST = 100;

/**
 * Tries every pair of services in every phase to come and on every way between two: who would refuse whom, when each
 * may have taken its files already or not yet. What is not proven of a service is taken for what its phase wants of it.
 * In what follows on the first step all is as the guards before it make sure.
 */
export function simulate({ standings, situation }: Judged, direction: Direction = 'forward'): Break[] {
  const { phase, withdrawn } = situation.rollover;
  const found: Break[] = [];
  let before = conditions(standings, phase, withdrawn);
  found.push(...breaks('now', before));
  let from = phase;
  for (const to of (direction === 'forward' ? FORWARD : BACK)[phase]) {
    const after = before.map((condition) => wanted(condition, to));
    found.push(
      ...breaks(
        `${from} → ${to}`,
        before.map((one, i) => between(one, after[i] as Condition)),
      ),
    );
    found.push(...breaks(to, after));
    [before, from] = [after, to];
  }
  return found.slice(0, MOST);
}

/** The services of the standings, each as it is proven to be now. */
function conditions(standings: readonly Standing[], phase: Phase, withdrawn: boolean): Condition[] {
  const want = desired(phase, withdrawn);
  const services = new Map<string, Standing[]>();
  for (const standing of standings) {
    const { plane, service } = standing.subject;
    const key = `${holderKey(standing.subject)}\n${plane}\n${service}`;
    services.set(key, [...(services.get(key) ?? []), standing]);
  }
  return [...services.values()].map((roles) => {
    const trust = (role: Subject['role']): Side[][] | undefined => {
      const one = roles.find(({ subject }) => subject.role === role);
      if (one === undefined) return undefined;
      return one.checksNone ? [] : [trusted(one, want.trust)];
    };
    const [{ subject }] = roles as [Standing];
    return {
      who: subject.service === '' ? holderText(subject) : `${holderText(subject)} (${subject.service})`,
      holder: holderKey(subject),
      accept: trust('accept'),
      connect: trust('connect') ?? [],
      shows: [roles.find(({ serves }) => serves !== undefined)?.serves ?? want.issuer],
    };
  });
}

function trusted({ trustsOld, trustsNew }: Standing, want: readonly Side[]): Side[] {
  const has = { old: trustsOld ?? want.includes('old'), new: trustsNew ?? want.includes('new') };
  return (['old', 'new'] as const).filter((side) => has[side]);
}

function wanted(condition: Condition, phase: Phase): Condition {
  const { trust, issuer } = desired(phase);
  return { ...condition, accept: condition.accept?.map(() => trust), connect: [trust], shows: [issuer] };
}

function between(before: Condition, after: Condition): Condition {
  return {
    ...before,
    accept: before.accept && [...before.accept, ...(after.accept ?? [])],
    connect: [...before.connect, ...after.connect],
    shows: [...new Set([...before.shows, ...after.shows])],
  };
}

/** Services of one condition are judged once, so that a fleet is a matter of a few comparisons. */
function breaks(when: string, all: readonly Condition[]): Break[] {
  const found: Break[] = [];
  const alike = [...classesOf(all).values()];
  for (const clients of alike)
    for (const servers of alike) {
      const why = refusal(clients[0] as Condition, servers[0] as Condition);
      if (why === undefined) continue;
      for (const from of clients)
        for (const to of servers) {
          if (from.holder === to.holder) continue;
          found.push({ when, from: from.who, to: to.who, why: why(from.who, to.who) });
          if (found.length >= MOST) return found;
        }
    }
  return found;
}

function classesOf(all: readonly Condition[]): Map<string, Condition[]> {
  const classes = new Map<string, Condition[]>();
  for (const condition of all) {
    const { accept, connect, shows } = condition;
    const key = JSON.stringify([accept ?? null, connect, shows]);
    const members = classes.get(key);
    if (members === undefined) classes.set(key, [condition]);
    else members.push(condition);
  }
  return classes;
}

/** Why the one refuses the other; undefined when neither does. */
function refusal(from: Condition, to: Condition): ((from: string, to: string) => string) | undefined {
  if (to.accept === undefined) return undefined;
  const server = lacking(from.connect, to.shows);
  if (server !== undefined)
    return (a, b) => `${b} shows a certificate of the ${server} root, which ${a} does not trust`;
  const client = lacking(to.accept, from.shows);
  if (client === undefined) return undefined;
  return (a, b) => `${a} shows a certificate of the ${client} root, which ${b} does not trust`;
}

/** The side of a certificate that one of the trusts may lack. */
function lacking(trusts: readonly (readonly Side[])[], shows: readonly Side[]): Side | undefined {
  return shows.find((side) => trusts.some((trust) => !trust.includes(side)));
}
