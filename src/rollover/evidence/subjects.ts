import type { Service } from '../../inventory/services.ts';
import type { Form } from '../phase.ts';
import type { Proof } from '../planning/proof.ts';
import type { LiveCertificate } from '../planning/situation.ts';
import { type Holder, holderKey, type ProvenBy, type Role, type Subject } from '../planning/subject.ts';

/** Kinds that load one trust file for both roles, at one moment: who is let in proves whom it connects to. */
const ONE_TRUST = new Set<Service['kind']>(['redis', 'sentinel']);

/** What of a service says in which roles it is gated, and how it can be proven. */
export type Gated = Pick<Service, 'holder' | 'plane' | 'kind' | 'address' | 'label' | 'verifyClient'>;

/** The nodes with an agent, and what was proven of them. */
export interface AgentProofs {
  nodes: readonly string[];
  proofs: readonly Proof[];
}

/**
 * Who is gated: each service of the inventory in its roles, those that agents have told of, and every holder of a
 * certificate that has no service that is known: an application that nobody thought of is locked out otherwise.
 */
export function subjectsOf(
  services: readonly Gated[],
  certificates: readonly LiveCertificate[],
  form: Form,
  agents: AgentProofs = { nodes: [], proofs: [] },
): Subject[] {
  const theirs = reportedServices(agents);
  const ours = services.filter((service) => !hasAgent(service, agents));
  const silent = silentNodes(agents);
  const roles = (all: readonly Gated[], by: ProvenBy): Subject[] =>
    all.flatMap((service) => rolesOf(service).map((role) => subjectOf(service, role, form, by)));
  const subjects = [...roles(ours, 'handshake'), ...roles(theirs, 'agent')];
  const known = new Set([...ours, ...theirs].map(({ holder, plane }) => planeKey({ ...holder, plane })));
  for (const certificate of certificates) {
    const key = planeKey(certificate);
    if (certificate.revoked || known.has(key)) continue;
    known.add(key);
    const { kind, name, plane } = certificate;
    const atLeast = kind === 'node' && silent.has(name) ? 'agent' : 'declared';
    for (const role of kind === 'client' ? (['connect'] as const) : (['accept', 'connect'] as const))
      subjects.push({ kind, name, plane, service: '', role, atLeast });
  }
  return subjects;
}

/** The services that agents have told of in their last answers. */
export function reportedServices(agents: AgentProofs): Gated[] {
  const found = new Map<string, Gated>();
  const open = new Set<string>();
  for (const { kind, name, plane = '', service, checksNone } of lastAnswers(agents)) {
    if (service === '') continue;
    const [word = '', ...rest] = service.split(' ');
    const where = rest.join(' ');
    const gated: Gated = {
      holder: { kind, name },
      plane,
      kind: word as Service['kind'],
      address: where.startsWith('/') ? undefined : where,
      label: service,
    };
    found.set(serviceKey(gated), gated);
    if (checksNone) open.add(serviceKey(gated));
  }
  return [...found].map(([key, gated]) => (open.has(key) ? { ...gated, verifyClient: 'none' } : gated));
}

/** Of each node with an agent what was said of it last, all at one time: what it said before is not of now. */
export function lastAnswers({ nodes, proofs }: AgentProofs): Proof[] {
  const last = new Map<string, number>();
  const theirs = proofs.filter(({ kind, name }) => kind === 'node' && nodes.includes(name));
  for (const { name, at, provenBy } of theirs)
    if (provenBy !== 'handshake') last.set(name, Math.max(at, last.get(name) ?? 0));
  return theirs.filter(({ name, at }) => at === last.get(name));
}

/** Whose agents have said nothing of their services: it is not known what they have. */
function silentNodes(agents: AgentProofs): Set<string> {
  const silent = new Set(agents.nodes);
  const last = lastAnswers(agents);
  for (const { name } of last) silent.delete(name);
  for (const { name, service } of last) if (service === '') silent.add(name);
  return silent;
}

/** Whether a service is seen to by the agent of its node. */
export function hasAgent({ holder }: Pick<Service, 'holder'>, { nodes }: Pick<AgentProofs, 'nodes'>): boolean {
  return holder.kind === 'node' && nodes.includes(holder.name);
}

function serviceKey({ holder, plane, label }: Gated): string {
  return `${planeKey({ ...holder, plane })} ${label}`;
}

/** What a service is asked in: a client accepts nobody. */
export function rolesOf({ holder }: Pick<Service, 'holder'>): readonly Role[] {
  return holder.kind === 'client' ? ['connect'] : ['accept', 'connect'];
}

export function isAsked<S extends Gated>(service: S): service is S & { address: string } {
  const { kind, address, holder } = service;
  return address !== undefined && kind !== 'files' && holder.kind === 'node';
}

/** Whether a handshake proves both roles: of one that lets in whoever comes it proves neither. */
export function hasOneTrust({ kind, verifyClient }: Pick<Service, 'kind' | 'verifyClient'>): boolean {
  return ONE_TRUST.has(kind) && verifyClient !== 'none';
}

function subjectOf(service: Gated, role: Role, form: Form, by: ProvenBy): Subject {
  const { holder, plane, label } = service;
  // Of a CA whose key is not ours there is no probe: its absence is read from what the service announces, or its files.
  const asked = isAsked(service) && form === 'root' && (role === 'accept' || hasOneTrust(service));
  return { ...holder, plane, service: label, role, atLeast: asked ? by : 'file' };
}

function planeKey({ plane, ...holder }: Holder & { plane: string }): string {
  return `${holderKey(holder)} ${plane}`;
}
