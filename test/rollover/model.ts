import { desired, type Phase, type Side, successors } from '../../src/rollover/phase.ts';
import type { GuardName } from '../../src/rollover/planning/blocker.ts';
import { GUARDS, type Guard } from '../../src/rollover/planning/guards/index.ts';
import { judgeProbes, type ProbeAnswer } from '../../src/rollover/planning/judge-probes.ts';
import { attemptKey, type Direction, nextStep } from '../../src/rollover/planning/planner.ts';
import type { Proof } from '../../src/rollover/planning/proof.ts';
import type { Confirmation, LiveCertificate, Situation } from '../../src/rollover/planning/situation.ts';
import type { Subject } from '../../src/rollover/planning/subject.ts';

// A cluster in a rollover, as small as it can be: what each member trusts in each role and shows, changed in any order.
// Who decides is the program itself: nextStep and its guards, asked with the proofs that the members' state gives.

/** Anchors as bits. GONE is the root before the old one: nobody may ever have it. */
const OLD = 1;
const NEW = 2;
const GONE = 4;

/**
 * `late`: it was given its files, and has never run yet. `skewed`: its clock is an hour off, so that it refuses
 * everybody. `excluded`: an operator has left it out.
 */
type Status = 'absent' | 'up' | 'down' | 'late' | 'skewed' | 'excluded';

export interface Member {
  readonly client: boolean;
  readonly status: Status;
  /** The trust of its two roles; a client has none to accept by. */
  readonly accept: number;
  readonly connect: number;
  /** The root of the certificate that it shows. */
  readonly shows: number;
  /** It lets in whoever comes: it checks no certificate, and has nothing to accept by. */
  readonly open?: true;
  /** An operator's word for it, clients alone: as it was then, and as far as nothing else is wanted since. */
  readonly word?: { readonly trust: number | undefined; readonly shows: number | undefined };
}

export interface State {
  readonly phase: Phase;
  readonly withdrawn: boolean;
  readonly members: readonly Member[];
  /** What an operator has decided by the proofs of then, and not yet recorded. */
  readonly decided?: { readonly to: Phase | 'withdraw' };
}

export interface ModelOptions {
  readonly guards?: Readonly<Record<GuardName, Guard>>;
  /** Members may have wrong clocks. */
  readonly skew?: boolean;
  /** Nodes may stop checking who connects, and begin again by the files that they have. */
  readonly open?: boolean;
  /** What is taken away from what joins and proves, to see that it is needed. */
  readonly without?: 'sync' | 'control' | 'forgetting' | 'stranger';
  /** What the planner has answered, by the state: it is pure, and need not be asked twice. */
  readonly answers?: Map<string, string | undefined>;
}

/** The guards but one. */
export function without(name: GuardName): Readonly<Record<GuardName, Guard>> {
  return { ...GUARDS, [name]: () => [] };
}

export function initial(nodes: number, clients: number): State {
  const member = (client: boolean): Member => ({
    client,
    status: 'up',
    accept: client ? 0 : OLD,
    connect: OLD,
    shows: OLD,
  });
  const members = [
    ...Array.from({ length: nodes }, () => member(false)),
    ...Array.from({ length: clients }, () => member(true)),
  ];
  return { phase: 'stable', withdrawn: false, members };
}

const bit = (side: Side): number => (side === 'old' ? OLD : NEW);
const mask = ({ phase, withdrawn }: State): number =>
  desired(phase, withdrawn).trust.reduce((sum, side) => sum | bit(side), 0);
const issuer = ({ phase, withdrawn }: State): number => bit(desired(phase, withdrawn).issuer);

export interface Action {
  readonly name: string;
  readonly next: State;
}

/** Everything that may happen next. */
export function actions(state: State, options: ModelOptions = {}): Action[] {
  const out: Action[] = [...decisions(state, 'forward', options), ...decisions(state, 'back', options)];
  out.push(...records(state, options));
  state.members.forEach((_, i) => {
    out.push(...movesOf(state, i, options));
  });
  return out;
}

export function decisions(state: State, direction: Direction, options: ModelOptions): Action[] {
  const to = decide(state, direction, options);
  if (to === undefined || to === state.decided?.to) return [];
  return [{ name: `decide ${direction}: ${to}`, next: { ...state, decided: { to } } }];
}

export function records(state: State, options: ModelOptions): Action[] {
  const out: Action[] = [];
  if (state.decided !== undefined)
    out.push({ name: `record ${state.decided.to}`, next: record(state, state.decided.to, options) });
  if (state.phase === 'stable' || state.phase === 'done') out.push({ name: 'start', next: start(state) });
  return out;
}

/** What may happen to one member. */
export function movesOf(state: State, i: number, options: ModelOptions): Action[] {
  const member = state.members[i] as Member;
  return moves(member, state, options).map(([name, changed]) => ({
    name: `${member.client ? 'client' : 'node'} ${i} ${name}`,
    next: withMember(state, i, changed),
  }));
}

/** What the planner says, once everything was deployed that this run could deploy. */
function decide(state: State, direction: Direction, options: ModelOptions): Phase | 'withdraw' | undefined {
  const { guards = GUARDS, answers } = options;
  const { decided: _, ...undecided } = state;
  const key = `${direction} ${keyOf(undecided)}`;
  if (answers?.has(key)) return answers.get(key) as Phase | 'withdraw' | undefined;
  const step = nextStep(situationOf(state, options), { direction, guards, attempted: EVERYTHING });
  const to = step.do === 'withdraw' ? 'withdraw' : step.do === 'commit' ? step.to : undefined;
  answers?.set(key, to);
  return to;
}

const holderOf = (member: Member, i: number) => ({
  kind: member.client ? ('client' as const) : ('node' as const),
  name: `m${i}`,
});
const EVERYTHING = new Set(
  Array.from({ length: 8 }, (_, i) => i).flatMap((i) =>
    (['node', 'client'] as const).flatMap((kind) => [
      attemptKey('deploy-trust', { kind, name: `m${i}` }),
      attemptKey('replace-certificates', { kind, name: `m${i}` }),
    ]),
  ),
);

/** Compare and append: a decision is void as soon as anybody's record stands before it. */
function record(state: State, to: Phase | 'withdraw', options: ModelOptions): State {
  const { decided: _, ...rest } = state;
  if (to === 'withdraw') return forgetting(state, { ...rest, withdrawn: true }, options);
  if (!successors(state.phase).includes(to)) throw new Error(`I4: from ${state.phase} to ${to}`);
  return forgetting(state, { ...rest, phase: to, withdrawn: false }, options);
}

/** Where another trust or issuer is wanted than before, what operators have said of it counts no more. */
function forgetting(before: State, after: State, { without: lacking }: ModelOptions): State {
  if (lacking === 'forgetting') return after;
  const [trust, shows] = [mask(before) !== mask(after), issuer(before) !== issuer(after)];
  return {
    ...after,
    members: after.members.map((member) =>
      member.word === undefined
        ? member
        : {
            ...member,
            word: { trust: trust ? undefined : member.word.trust, shows: shows ? undefined : member.word.shows },
          },
    ),
  };
}

/** After `done` the root that came is the one that goes, and a third one comes. */
function start(state: State): State {
  const { decided: _, ...rest } = state;
  if (state.phase === 'stable') return { ...rest, phase: 'prepared', members: state.members.map(speechless) };
  const older = (anchors: number): number => ((anchors & OLD) === 0 ? 0 : GONE) | ((anchors & NEW) === 0 ? 0 : OLD);
  const members = state.members.map((member) => ({
    ...speechless(member),
    accept: older(member.accept),
    connect: older(member.connect),
    shows: older(member.shows),
  }));
  return { ...rest, phase: 'prepared', members };
}

function speechless({ word: _, ...member }: Member): Member {
  return member;
}

/** What may happen to one member: it takes files, one role after the other, in any order; it comes, goes, and is left out. */
function moves(member: Member, state: State, options: ModelOptions): [string, Member][] {
  const { skew = false, open = false, without: lacking } = options;
  const { client, status } = member;
  const [trust, signer] = [mask(state), issuer(state)];
  const fresh = { accept: client ? 0 : trust, connect: trust, shows: signer };
  const silent = speechless(member);
  switch (status) {
    case 'absent':
    case 'excluded':
      return [
        // Who has been away, and comes back with the files of long ago, gets what is wanted now before it serves.
        ['joins', { client, status: 'up', ...(lacking === 'sync' ? ancient(client) : fresh) }],
        ['is given its files', { client, status: 'late', ...fresh }],
      ];
    case 'late':
      return [['comes up', { ...silent, status: 'up', ...fresh }], left(client)];
    case 'down':
      return [['comes back', { ...member, status: 'up' }], left(client)];
    case 'skewed':
      return [['has its clock set', { ...member, status: 'up' }]];
    case 'up': {
      const out: [string, Member][] = [
        ['stops', { ...member, status: 'down' }],
        ['leaves', { client, status: 'absent', accept: 0, connect: 0, shows: 0 }],
        left(client),
      ];
      if (skew && !client) out.push(['has a wrong clock', { ...member, status: 'skewed' }]);
      if (open && !client) {
        const { open: checksNone, ...checking } = member;
        out.push(
          checksNone
            ? ['begins to check', { ...checking, accept: member.connect }]
            : ['stops checking', { ...member, open: true, accept: 0 }],
        );
      }
      if (!client && !member.open && member.accept !== trust)
        out.push(['takes the bundle to accept by', { ...member, accept: trust }]);
      if (member.connect !== trust) out.push(['takes the bundle to connect by', { ...member, connect: trust }]);
      if (member.shows !== signer) out.push(['takes its certificate', { ...member, shows: signer }]);
      if (client && (member.word?.trust !== member.connect || member.word.shows !== member.shows))
        out.push(['is confirmed', { ...member, word: { trust: member.connect, shows: member.shows } }]);
      return out;
    }
  }
}

function ancient(client: boolean): Pick<Member, 'accept' | 'connect' | 'shows'> {
  return { accept: client ? 0 : OLD, connect: OLD, shows: OLD };
}

/** An excluded one would block by all it has, were it asked. */
function left(client: boolean): [string, Member] {
  return [
    'is excluded',
    { client, status: 'excluded', accept: client ? 0 : OLD | NEW, connect: OLD | NEW, shows: OLD },
  ];
}

function withMember(state: State, i: number, member: Member): State {
  return { ...state, members: state.members.with(i, member) };
}

const NOW = Date.UTC(2026, 0, 2);
const SINCE = NOW - 1000;

/** The state as the planner is told of it. */
export function situationOf(state: State, options: ModelOptions = {}): Situation {
  const { phase, withdrawn } = state;
  const subjects: Subject[] = [];
  const proofs: Proof[] = [];
  const certificates: LiveCertificate[] = [];
  const confirmed: Confirmation[] = [];
  const excluded: { kind: 'node' | 'client'; name: string }[] = [];
  state.members.forEach((member, i) => {
    if (member.status === 'absent') return;
    const holder = holderOf(member, i);
    if (member.status === 'excluded') excluded.push(holder);
    const plane = member.client ? '' : 'data';
    for (const role of member.client ? (['connect'] as const) : (['accept', 'connect'] as const)) {
      const service = member.client ? '' : 'redis';
      const subject: Subject = { ...holder, plane, service, role, atLeast: member.client ? 'declared' : 'handshake' };
      subjects.push(subject);
      if (!member.client && member.status !== 'excluded') proofs.push(proofOf(subject, member, options));
    }
    const { word } = member;
    if (word !== undefined)
      confirmed.push({
        ...holder,
        at: NOW - 500,
        ...(word.trust === undefined
          ? {}
          : { trustsOld: (word.trust & OLD) !== 0, trustsNew: (word.trust & NEW) !== 0 }),
        ...(word.shows === undefined ? {} : { serves: word.shows === NEW ? 'new' : 'old' }),
      });
    certificates.push(...certificatesOf(state, member, i));
  });
  const rollover = {
    form: 'root' as const,
    phase,
    withdrawn,
    since: SINCE - 1000,
    trustSince: SINCE - 1000,
    issuerSince: SINCE - 1000,
    prepared: { verified: true, backup: true },
    excluded,
    confirmed,
  };
  return { now: NOW, since: SINCE, rollover, subjects, proofs, certificates };
}

function proofOf(subject: Subject, member: Member, { without: lacking }: ModelOptions): Proof {
  const { kind, name, plane, service, role } = subject;
  const base = { kind, name, plane, service, role, at: NOW };
  if (member.status === 'down' || member.status === 'late') return { ...base, error: 'connection refused' };
  const trust = role === 'accept' ? member.accept : member.connect;
  const answer = (anchor: number): ProbeAnswer => ({
    outcome: member.status === 'up' && (trust & anchor) !== 0 ? 'accepted' : 'refused',
    at: NOW,
  });
  const checksNone = role === 'accept' && (member.open === true || lacking === 'stranger');
  const judged = checksNone
    ? judgeProbes({ stranger: { outcome: 'accepted', at: NOW }, asks: false })
    : lacking === 'control'
      ? { trustsOld: answer(OLD).outcome === 'accepted', trustsNew: answer(NEW).outcome === 'accepted' }
      : judgeProbes({ old: answer(OLD), new: answer(NEW) });
  return { ...base, ...judged, serves: member.shows === NEW ? 'new' : 'old', provenBy: 'handshake' };
}

/** What was issued to it: what it shows, and what it has not taken yet. */
function certificatesOf(state: State, member: Member, i: number): LiveCertificate[] {
  const { kind, name } = holderOf(member, i);
  const plane = member.client ? '' : 'data';
  const signer = issuer(state);
  const one = (root: number, superseded: boolean): LiveCertificate => ({
    kind,
    name,
    plane,
    serial: '40',
    issuer: root === NEW ? 'new' : 'old',
    notAfter: NOW + 1_000_000,
    revoked: false,
    superseded,
  });
  return member.shows === signer ? [one(signer, false)] : [one(member.shows, true), one(signer, false)];
}

/** The first invariant that a state breaks. */
export function violation(state: State): string | undefined {
  const { phase, members } = state;
  const live = members.filter(({ status }) => status === 'up');
  for (const a of live)
    for (const b of live) {
      if (a === b || b.client) continue;
      if ((a.connect & b.shows) === 0) return 'I1: one does not trust whom it connects to';
      if (!b.open && (b.accept & a.shows) === 0) return 'I1: one does not trust who connects to it';
    }
  if ((mask(state) & issuer(state)) === 0) return 'I2: who issues is not trusted';
  const running = members.filter(({ status }) => status === 'up' || status === 'down' || status === 'skewed');
  if (running.some(({ shows }) => (shows & mask(state)) === 0)) return 'I3: a certificate in use is not to be trusted';
  const trusted = running.reduce((all, { accept, connect }) => all | accept | connect, 0);
  if ((trusted & GONE) !== 0) return 'I5: a third root is trusted';
  if (phase === 'done' && (trusted & OLD) !== 0) return 'I5: a root is trusted that is destroyed: the old one';
  if (phase === 'stable' && (trusted & NEW) !== 0) return 'I5: a root is trusted that is destroyed: the new one';
  return undefined;
}

/** Members of one kind are interchangeable: states that differ in their order are one. */
export function keyOf(state: State): string {
  const members = state.members.map(memberKey).toSorted();
  return `${state.phase}${state.withdrawn ? '-' : ''} ${state.decided?.to ?? ''} ${members.join(' ')}`;
}

function memberKey({ client, status, accept, connect, shows, open, word }: Member): string {
  const said = word === undefined ? '' : `${word.trust ?? '-'}${word.shows ?? '-'}`;
  return `${client ? 'c' : open ? 'o' : 'n'}${status}${accept}${connect}${shows}${said}`;
}
