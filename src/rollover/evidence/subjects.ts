import type { Service } from '../../inventory/services.ts';
import type { Form } from '../phase.ts';
import type { LiveCertificate } from '../planning/situation.ts';
import { type Holder, holderKey, type Role, type Subject } from '../planning/subject.ts';

/** Kinds that load one trust file for both roles, at one moment: who is let in proves whom it connects to. */
const ONE_TRUST = new Set<Service['kind']>(['redis', 'sentinel']);

/**
 * Who is gated: each service of the inventory in its roles, and every holder of a certificate that has no service there:
 * an application that nobody thought of is locked out otherwise.
 */
export function subjectsOf(
  services: readonly Service[],
  certificates: readonly LiveCertificate[],
  form: Form,
): Subject[] {
  const subjects = services.flatMap((service) => rolesOf(service).map((role) => subjectOf(service, role, form)));
  const known = new Set(services.map(({ holder, plane }) => planeKey({ ...holder, plane })));
  for (const certificate of certificates) {
    const key = planeKey(certificate);
    if (certificate.revoked || known.has(key)) continue;
    known.add(key);
    const { kind, name, plane } = certificate;
    for (const role of kind === 'client' ? (['connect'] as const) : (['accept', 'connect'] as const))
      subjects.push({ kind, name, plane, service: '', role, atLeast: 'declared' });
  }
  return subjects;
}

/** What a service is asked in: a client accepts nobody. */
export function rolesOf({ holder }: Service): readonly Role[] {
  return holder.kind === 'client' ? ['connect'] : ['accept', 'connect'];
}

export function isAsked(service: Service): service is Service & { address: string } {
  const { kind, address, holder } = service;
  return address !== undefined && kind !== 'files' && holder.kind === 'node';
}

/** Whether a handshake proves both roles: of one that lets in whoever comes it proves neither. */
export function hasOneTrust({ kind, verifyClient }: Service): boolean {
  return ONE_TRUST.has(kind) && verifyClient !== 'none';
}

function subjectOf(service: Service, role: Role, form: Form): Subject {
  const { holder, plane, label } = service;
  // Of a CA whose key is not ours there is no probe: its absence is read from what the service announces, or its files.
  const asked = isAsked(service) && form === 'root' && (role === 'accept' || hasOneTrust(service));
  return { ...holder, plane, service: label, role, atLeast: asked ? 'handshake' : 'file' };
}

function planeKey({ plane, ...holder }: Holder & { plane: string }): string {
  return `${holderKey(holder)} ${plane}`;
}
