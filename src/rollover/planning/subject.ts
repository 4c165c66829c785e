/** In which role a service checks certificates: of who connects to it, or of whom it connects to. */
export type Role = 'accept' | 'connect';

/** How something is known, the strongest first. */
export type ProvenBy = 'handshake' | 'agent' | 'file' | 'declared';

/** Who is given certificates: a node, or a client by its name. */
export interface Holder {
  readonly kind: 'node' | 'client';
  readonly name: string;
}

/** What is gated: one service of a node or client, in one role. */
export interface Subject extends Holder {
  /** '' of a client. */
  readonly plane: string;
  /** As the inventory says: `redis 127.0.0.1:7001`; '' where the holder has no service that is known. */
  readonly service: string;
  readonly role: Role;
  /** The weakest proof that counts for it: what can be spoken to is not believed on anybody's word. */
  readonly atLeast: ProvenBy;
}

/** The same for a subject and for what was found of it. */
export function subjectKey({ kind, name, plane = '', service, role }: SubjectName): string {
  return [kind, name, plane, service, role].join('\n');
}

export type SubjectName = Holder & {
  readonly plane?: string | undefined;
  readonly service: string;
  readonly role: Role;
};

/** One holder among others. */
export function holderKey({ kind, name }: Holder): string {
  return `${kind} ${name}`;
}

/** `redis-1`, or `client app_rw`. */
export function holderText({ kind, name }: Holder): string {
  return kind === 'client' ? `client ${name}` : name;
}

/** For messages: `redis-1, redis 127.0.0.1:7001 (accept)`. */
export function subjectText(subject: Subject): string {
  const { service, role } = subject;
  return service === '' ? holderText(subject) : `${holderText(subject)}, ${service} (${role})`;
}
