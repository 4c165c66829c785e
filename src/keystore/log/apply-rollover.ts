import { fromBase64 } from '../../pki/encoding.ts';
import { parseCertificate } from '../../pki/x509/certificate.ts';
import { type Desired, desired, successors } from '../../rollover/phase.ts';
import { tampered } from '../canonical.ts';
import { desiredOf, inProgress, liveAuthorities, ownRoot, phaseOf, rootOf } from '../hierarchy.ts';
import type { Bodies } from './bodies.ts';
import type { Authority } from './parts.ts';
import { applyRewrap } from './rewrap.ts';
import type { PhaseBody, Proof, RolloverStart, RolloverState } from './rollover.ts';
import type { LogState } from './state.ts';

/** Proofs that are kept: the newest. */
const MOST_PROOFS = 16_384;

/**
 * A step of a rollover: a phase follows only where it may (I4), a start brings a whole hierarchy, the last steps destroy
 * just the keys of the one that goes. Everything but the CRLs, which the caller replaces afterwards.
 * @param time the record's, milliseconds since 1970
 * @throws ERR_KEYSTORE_TAMPERED
 */
export function applyPhase(state: LogState, body: PhaseBody, seq: number, time: number): LogState {
  const { from, to, start } = body;
  if (from !== phaseOf(state)) throw tampered(`log record ${seq} leaves the phase ${from}, which it is not in`);
  if (!successors(from).includes(to)) throw tampered(`log record ${seq} goes from ${from} to ${to}`);
  if ((start !== undefined) !== (to === 'prepared'))
    throw tampered(`log record ${seq} has no start, or none is wanted`);
  if (from === 'rollback' && !state.rollover?.withdrawn)
    throw tampered(`log record ${seq} ends a rollback whose root is still handed out`);
  const next = { ...state };
  if (start !== undefined) return begin(next, start, seq, time);
  destroy(next, body, seq);
  rewrap(next, body, seq);
  const { withdrawn: _, ...rollover } = state.rollover as RolloverState;
  if (to === 'stable') {
    const rests = restsOn(rollover, from, time);
    if (rests === undefined) delete next.rollover;
    else next.rollover = rests;
  } else
    next.rollover = {
      ...rollover,
      phase: to as RolloverState['phase'],
      since: time,
      ...changedAt(desiredOf(state), desired(to), time),
    };
  return next;
}

/**
 * What a cluster rests on whose takeover was taken back: the foreign CA, as before. What was abandoned before anybody had
 * heard of it changes nothing.
 */
function restsOn(rollover: RolloverState, from: PhaseBody['from'], time: number): RolloverState | undefined {
  const { form, startedAt, new: fresh, rested } = rollover;
  const foreign = from === 'rollback' ? rollover.foreign : rested;
  if (form !== 'foreign' || foreign === undefined) return undefined;
  return {
    form,
    phase: 'stable',
    since: time,
    startedAt,
    trustSince: time,
    issuerSince: time,
    new: fresh,
    foreign,
  };
}

/** Since when something else is trusted, or somebody else issues, than before. */
function changedAt(before: Desired, after: Desired, time: number): { trustSince?: number; issuerSince?: number } {
  return {
    ...(before.trust.join() === after.trust.join() ? {} : { trustSince: time }),
    ...(before.issuer === after.issuer ? {} : { issuerSince: time }),
  };
}

function begin(state: LogState, start: RolloverStart, seq: number, time: number): LogState {
  const { form, authorities, auditCertificate, newWithOld, foreign, emergency, backup } = start;
  for (const certificate of [auditCertificate, newWithOld, foreign?.certificate])
    if (certificate !== undefined) parseCertificate(fromBase64(certificate));
  if ((form === 'foreign') !== (foreign !== undefined) || (form === 'foreign') !== (authorities.length === 0))
    throw tampered(`log record ${seq} starts a rollover of another form`);
  const before = ownRoot(state);
  const rested = state.rollover?.phase === 'stable' ? state.rollover.foreign : undefined;
  if (rested !== undefined && form !== 'foreign')
    throw tampered(`log record ${seq} replaces a root that the cluster does not rest on`);
  if (before === undefined) throw tampered(`log record ${seq} starts a rollover without a root`);
  if (form === 'root') checkHierarchy(state, authorities, seq);
  const root = form === 'root' ? (authorities[0] as Authority) : before;
  const rollover: RolloverState = {
    form,
    phase: 'prepared',
    since: time,
    startedAt: time,
    trustSince: time,
    issuerSince: time,
    new: root.id,
    ...(form === 'root' ? { old: before.id } : {}),
    ...(foreign === undefined ? {} : { foreign }),
    ...(rested === undefined ? {} : { rested }),
    ...(newWithOld === undefined ? {} : { newWithOld }),
    ...(emergency === undefined ? {} : { emergency }),
  };
  return {
    ...state,
    authorities: [...state.authorities, ...authorities],
    ...(auditCertificate === undefined
      ? {}
      : { auditCertificates: [...(state.auditCertificates ?? []), auditCertificate] }),
    ...(backup === undefined ? {} : { backup: { ...backup, seq, time } }),
    rollover,
  };
}

/** A root and its issuing CA, of the generation after the last. */
function checkHierarchy(state: LogState, authorities: readonly Authority[], seq: number): void {
  const generation = 1 + Math.max(...state.authorities.map((authority) => authority.generation));
  const expected = [`root-g${generation}`, `issuing-g${generation}.1`];
  const found = authorities.map(({ id }) => id);
  const fits = authorities.every(
    (one, i) => one.generation === generation && one.role === (i === 0 ? 'root' : 'issuing'),
  );
  if (!fits || found.join() !== expected.join())
    throw tampered(`log record ${seq} does not bring ${expected.join(' and ')}`);
  for (const { certificate } of authorities) parseCertificate(fromBase64(certificate));
}

/** Whose keys a step destroys: all of the side that goes. A foreign CA's are not ours. */
export function doomed(state: LogState, to: PhaseBody['to']): string[] {
  if (state.rollover?.form !== 'root' || (to !== 'done' && to !== 'stable')) return [];
  const root = rootOf(state, to === 'done' ? 'old' : 'new');
  return liveAuthorities(state)
    .filter(({ generation }) => generation === root?.generation)
    .map(({ id }) => id);
}

function destroy(state: LogState, { to, destroyed = [] }: PhaseBody, seq: number): void {
  if (destroyed.join() !== doomed(state, to).join())
    throw tampered(`log record ${seq} destroys other keys than those of the root that goes`);
  if (destroyed.length === 0) return;
  state.destroyed = [...(state.destroyed ?? []), ...destroyed];
  // Nobody trusts a root that was taken back: its CRLs are of no use. Those of one that was in force outlive it.
  if (to === 'stable') state.crls = state.crls.filter(({ authority }) => !destroyed.includes(authority));
}

function rewrap(state: LogState, { to, rewrapped }: PhaseBody, seq: number): void {
  if (rewrapped === undefined) return;
  const { slots } = rewrapped;
  if (to !== 'done') throw tampered(`log record ${seq} rewraps keys in the middle of a rollover`);
  if (new Set(slots.map(({ id }) => id)).size !== slots.length) throw tampered(`log record ${seq} has a slot twice`);
  Object.assign(state, applyRewrap(state, rewrapped, seq));
}

/** The rollover after what is told of it: exclusions, confirmations, proofs, that its new root is withdrawn. */
export function applyToRollover(
  state: LogState,
  entry: { [O in 'withdraw' | 'exclude' | 'confirm' | 'evidence']: { op: O; body: Bodies[O] } }[
    | 'withdraw'
    | 'exclude'
    | 'confirm'
    | 'evidence'],
  seq: number,
  time: number,
): RolloverState {
  const { rollover } = state;
  if (rollover === undefined || !inProgress(state))
    throw tampered(`log record ${seq} is about a rollover, and there is none`);
  switch (entry.op) {
    case 'withdraw':
      if (rollover.phase !== 'rollback' || rollover.withdrawn)
        throw tampered(`log record ${seq} withdraws a root in the phase ${rollover.phase}`);
      return { ...rollover, withdrawn: true, trustSince: time };
    case 'exclude': {
      const known = rollover.excluded ?? [];
      const added = entry.body.holders.filter((one) => !known.some((other) => sameHolder(one, other)));
      return { ...rollover, excluded: [...known, ...added.map((one) => ({ ...one, at: time }))] };
    }
    case 'confirm': {
      const others = (rollover.confirmed ?? []).filter((other) => !sameHolder(entry.body, other));
      // What was confirmed when something else was wanted is not confirmed again by this.
      const before = rollover.confirmed?.find(
        (other) => sameHolder(entry.body, other) && other.at >= Math.max(rollover.trustSince, rollover.issuerSince),
      );
      return { ...rollover, confirmed: [...others, { ...before, ...entry.body, at: time }] };
    }
    case 'evidence': {
      const key = ({ kind, name, plane = '', service, role }: Proof): string =>
        [kind, name, plane, service, role].join('\n');
      const proofs = new Map((rollover.evidence ?? []).map((proof) => [key(proof), proof]));
      for (const proof of entry.body.proofs) {
        proofs.delete(key(proof));
        proofs.set(key(proof), proof);
      }
      const { ask, answers } = entry.body;
      if (answers !== undefined && answers > (rollover.asked ?? -1))
        throw tampered(`log record ${seq} answers what was not asked`);
      return {
        ...rollover,
        evidence: [...proofs.values()].slice(-MOST_PROOFS),
        ...(ask ? { asked: seq } : {}),
        ...(answers === undefined ? {} : { answered: Math.max(answers, rollover.answered ?? answers) }),
      };
    }
  }
}

function sameHolder(a: { kind: string; name: string }, b: { kind: string; name: string }): boolean {
  return a.kind === b.kind && a.name === b.name;
}

/** A new issuing CA under the root that is in force. @throws ERR_KEYSTORE_TAMPERED */
export function applyIssuing(state: LogState, body: Bodies['issuing'], seq: number): LogState {
  const { authority, domains, permitIp } = body;
  if (inProgress(state)) throw tampered(`log record ${seq} brings an issuing CA in the middle of a rollover`);
  const root = ownRoot(state);
  const known = state.authorities.filter(
    ({ role, generation }) => role === 'issuing' && generation === root?.generation,
  );
  const id = `issuing-g${root?.generation}.${known.length + 1}`;
  if (authority.id !== id || authority.role !== 'issuing' || authority.generation !== root?.generation)
    throw tampered(`log record ${seq} does not bring ${id}`);
  parseCertificate(fromBase64(authority.certificate));
  return {
    ...state,
    authorities: [...state.authorities, authority],
    policy: { ...state.policy, domains, permitIp },
  };
}

/** Intermediate CAs of another PKI, numbered on. @throws ERR_KEYSTORE_TAMPERED */
export function applyIntermediates(state: LogState, { authorities }: Bodies['intermediates'], seq: number): LogState {
  const known = state.authorities.filter(({ role }) => role === 'intermediate').length;
  for (const [i, { id, role, generation, certificate }] of authorities.entries()) {
    if (id !== `intermediate-g${generation}.${known + i + 1}` || role !== 'intermediate')
      throw tampered(`log record ${seq} does not bring intermediate CA ${known + i + 1}`);
    parseCertificate(fromBase64(certificate));
  }
  return { ...state, authorities: [...state.authorities, ...authorities] };
}

/** Anchors added and removed. @throws ERR_KEYSTORE_TAMPERED for one that is there already, or is not */
export function applyTrust(
  state: LogState,
  { add, remove }: Bodies['trust'],
  fingerprint: (certificate: string) => string,
  seq: number,
  time: number,
): LogState {
  const before = state.trusted ?? [];
  const known = new Set(before.map(({ certificate }) => fingerprint(certificate)));
  for (const one of remove)
    if (!known.has(one)) throw tampered(`log record ${seq} removes an anchor that is not there`);
  for (const certificate of add) {
    parseCertificate(fromBase64(certificate));
    if (known.has(fingerprint(certificate))) throw tampered(`log record ${seq} adds an anchor twice`);
    known.add(fingerprint(certificate));
  }
  const kept = before.filter(({ certificate }) => !remove.includes(fingerprint(certificate)));
  const { trusted: _, ...rest } = state;
  const trusted = [...kept, ...add.map((certificate) => ({ certificate, addedAt: time }))];
  return trusted.length === 0 ? rest : { ...rest, trusted };
}
