import type { Phase, Side } from '../../src/rollover/phase.ts';
import type { Proof } from '../../src/rollover/planning/proof.ts';
import type { LiveCertificate, RolloverFacts, Situation } from '../../src/rollover/planning/situation.ts';
import type { ProvenBy, Role, Subject } from '../../src/rollover/planning/subject.ts';

// Situations to ask the planner about, with a fixed clock.

export const NOW = Date.UTC(2026, 5, 1, 12, 0, 0);
export const SINCE = NOW - 30_000;

export function subject(name: string, role: Role, more: Partial<Subject> = {}): Subject {
  return { kind: 'node', name, plane: 'data', service: `redis ${name}:6379`, role, atLeast: 'handshake', ...more };
}

export function proof(of: Subject, trust: readonly Side[], serves?: Side, more: Partial<Proof> = {}): Proof {
  const { kind, name, plane, service, role } = of;
  const trusts = { trustsOld: trust.includes('old'), trustsNew: trust.includes('new') };
  return {
    kind,
    name,
    plane,
    service,
    role,
    ...trusts,
    serves,
    provenBy: 'handshake' as ProvenBy,
    at: NOW - 1000,
    ...more,
  };
}

export function certificate(name: string, issuer: Side, more: Partial<LiveCertificate> = {}): LiveCertificate {
  return {
    kind: 'node',
    name,
    plane: 'data',
    serial: `40${name.length}0`.padEnd(40, '0'),
    issuer,
    notAfter: NOW + 86_400_000,
    revoked: false,
    superseded: false,
    ...more,
  };
}

export function rollover(phase: Phase, more: Partial<RolloverFacts> = {}): RolloverFacts {
  const since = NOW - 600_000;
  return {
    form: 'root',
    phase,
    withdrawn: false,
    since,
    trustSince: since,
    issuerSince: since,
    prepared: { verified: true, backup: true },
    excluded: [],
    confirmed: [],
    ...more,
  };
}

export function situation(phase: Phase, parts: Partial<Situation>, more: Partial<RolloverFacts> = {}): Situation {
  return {
    now: NOW,
    since: SINCE,
    subjects: [],
    certificates: [],
    proofs: [],
    rollover: rollover(phase, more),
    ...parts,
  };
}

/** Three nodes whose services trust and show the same. */
export function three(trust: readonly Side[], serves: Side): Pick<Situation, 'subjects' | 'proofs' | 'certificates'> {
  const subjects = ['n1', 'n2', 'n3'].flatMap((name) => [subject(name, 'accept'), subject(name, 'connect')]);
  const certificates = ['n1', 'n2', 'n3'].flatMap((name) =>
    serves === 'old'
      ? [certificate(name, 'old')]
      : [certificate(name, 'old', { superseded: true }), certificate(name, 'new')],
  );
  return { subjects, proofs: subjects.map((of) => proof(of, trust, serves)), certificates };
}
