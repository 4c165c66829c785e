import { sha256 } from '../crypto/hash.ts';
import { certificateFields } from '../inspection/certificate-object.ts';
import { anchorOf, phaseOf, rootOf } from '../keystore/hierarchy.ts';
import type { LogState } from '../keystore/log/state.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { formatTime } from '../values/time.ts';
import type { Form, Phase, Side } from './phase.ts';

/** One of the two roots. `authority` where its key is, or was, in this keystore. */
export interface RootObject {
  authority?: string;
  subject: string;
  fingerprint: string;
  notBefore: string;
  notAfter: string;
}

/** What is known of one service in one role. */
export interface ServiceStanding {
  kind: 'node' | 'client';
  node: string;
  plane?: string;
  service: string;
  role: 'accept' | 'connect';
  trustsOld?: boolean;
  trustsNew?: boolean;
  serves?: Side;
  provenBy?: 'handshake' | 'file' | 'agent' | 'declared';
  provenAt: string;
  fingerprint?: string;
  how?: string;
  error?: string;
}

/** Something that a command did, or would do. */
export interface StepObject {
  phase: Phase;
  what: string;
}

/** Where a rollover stands, as the log knows it: the document of every `rollover` command. */
export interface RolloverDocument {
  phase: Phase;
  form?: 'root' | 'foreign';
  /** The root that goes; without a rollover the one that is in force. */
  old?: RootObject;
  new?: RootObject;
  startedAt?: string;
  since?: string;
  emergency?: { deadline: number };
  withdrawn?: boolean;
  services: ServiceStanding[];
  excluded: { kind: 'node' | 'client'; node: string; at: string }[];
  confirmed: { kind: 'node' | 'client'; node: string; bundle?: string; certificate?: string; at: string }[];
  blocking: string[];
  next: string;
  steps?: StepObject[];
  dryRun?: boolean;
}

/** The document, from the log alone: the proofs are the last that were recorded. */
export function rolloverDocument(state: LogState): RolloverDocument {
  const { rollover } = state;
  const phase = phaseOf(state);
  const times = rollover && { startedAt: formatTime(rollover.startedAt), since: formatTime(rollover.since) };
  const [old, fresh] = [rootObject(state, 'old'), rootObject(state, 'new')];
  return {
    phase,
    ...(rollover === undefined ? {} : { form: rollover.form }),
    ...(old === undefined ? {} : { old }),
    ...(fresh === undefined ? {} : { new: fresh }),
    ...times,
    ...(rollover?.emergency === undefined ? {} : { emergency: rollover.emergency }),
    ...(rollover?.withdrawn ? { withdrawn: true } : {}),
    services: (rollover?.evidence ?? []).map(({ name, at, fingerprint, ...proof }) => ({
      ...proof,
      node: name,
      provenAt: formatTime(at),
      ...(fingerprint === undefined ? {} : { fingerprint }),
    })),
    excluded: (rollover?.excluded ?? []).map(({ kind, name, at }) => ({ kind, node: name, at: formatTime(at) })),
    confirmed: (rollover?.confirmed ?? []).map(({ name, at, ...rest }) => ({
      ...rest,
      node: name,
      at: formatTime(at),
    })),
    blocking: [],
    next: nextStep(phase, rollover?.form),
  };
}

/**
 * What a start would begin with, which takes a rollover that is over for none.
 * @param foreign the root of another CA that is to be taken over, DER
 */
export function documentBefore(state: LogState, foreign?: Uint8Array): RolloverDocument {
  const { old, new: fresh } = rolloverDocument(state);
  const own = fresh ?? old;
  const [goes, comes] = foreign === undefined ? [own] : [rootFields(foreign), own];
  return {
    phase: 'stable',
    ...(goes === undefined ? {} : { old: goes }),
    ...(comes === undefined ? {} : { new: comes }),
    services: [],
    excluded: [],
    confirmed: [],
    blocking: [],
    next: nextStep('stable', foreign === undefined ? 'root' : 'foreign'),
  };
}

function rootObject(state: LogState, side: Side): RootObject | undefined {
  const { rollover } = state;
  const over = rollover?.phase === 'done' && side === 'old';
  const own = over ? state.authorities.find(({ id }) => id === rollover.old) : rootOf(state, side);
  const der = own === undefined ? anchorOf(state, side) : Buffer.from(own.certificate, 'base64');
  if (der === undefined) return undefined;
  return { ...(own === undefined ? {} : { authority: own.id }), ...rootFields(der) };
}

function rootFields(der: Uint8Array): RootObject {
  const { subject, fingerprint, notBefore, notAfter } = certificateFields(parseCertificate(der), (d) => sha256(d));
  return { subject, fingerprint, notBefore, notAfter };
}

/** The command that goes on from a phase; where there is nothing to go on with, the one that shows that all is well. */
export function nextStep(phase: Phase, form: Form = 'root'): string {
  if (phase === 'done') return 'cluster-ca verify --inventory cluster.yaml --probe';
  if (phase === 'stable') return `cluster-ca rollover start${form === 'foreign' ? ' --from-anchor FILE' : ''}`;
  return 'cluster-ca rollover advance --inventory cluster.yaml';
}
