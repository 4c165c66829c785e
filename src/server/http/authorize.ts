import type { Caller, Role } from './caller.ts';
import { Problem } from './problem.ts';

/** Who may use a route. What is not said here is denied. */
export type Access =
  /** On the plain listener: nobody is asked who they are. */
  | { to: 'anyone' }
  /** People with one of these roles. */
  | { to: 'roles'; roles: readonly Role[] }
  /** People with one of these roles, and every node. */
  | { to: 'known'; roles: readonly Role[] }
  /** The node that the path names, and nobody else. */
  | { to: 'own-node' }
  /** Whoever has a join token, which the route itself asks for: the one thing that needs no certificate there. */
  | { to: 'token' };

/**
 * The one place that decides. Denies by default: a route without access, a caller that was not identified, a role that
 * is not named.
 * @throws Problem 403
 */
export function authorize(
  access: Access | undefined,
  caller: Caller | undefined,
  params: Readonly<Record<string, unknown>>,
): void {
  if (access?.to === 'anyone' || access?.to === 'token') return;
  if (access !== undefined && caller !== undefined && isAllowed(access, caller, params)) return;
  if (caller === undefined)
    throw new Problem(403, 'certificate-not-accepted', 'there is no client certificate', { hint: wanted(access) });
  const who = describe(caller);
  throw new Problem(403, 'not-authorized', `${who} may not do this`, { hint: wanted(access) });
}

function isAllowed(access: Access, caller: Caller, params: Readonly<Record<string, unknown>>): boolean {
  switch (access.to) {
    case 'roles':
      return caller.role !== undefined && access.roles.includes(caller.role);
    case 'known':
      return caller.node !== undefined || (caller.role !== undefined && access.roles.includes(caller.role));
    case 'own-node':
      return caller.node !== undefined && caller.node === params.node;
    default:
      return false;
  }
}

function describe({ name, role, node }: Caller): string {
  if (role !== undefined) return `${role} ${name}`;
  return node === undefined ? `client ${name}` : `node ${node}`;
}

function wanted(access: Access | undefined): string {
  if (access?.to === 'own-node') return 'a node asks for itself alone, with a certificate of its own';
  const roles = access?.to === 'roles' || access?.to === 'known' ? access.roles : ['operator'];
  return `it takes a certificate of ${roles.join(' or ')}: cluster-ca issue --client NAME --role ${roles[0]}`;
}
