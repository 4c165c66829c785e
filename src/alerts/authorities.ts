import type { Role } from '../keystore/log/bodies.ts';
import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

const DAY = 86_400_000;

export interface AuthorityLife {
  id: string;
  role: Role;
  /** Another PKI has its key. */
  external?: boolean;
  subject: string;
  notBefore: number;
  notAfter: number;
}

/** What replaces a CA. */
export function replacementHint({ role, external }: Pick<AuthorityLife, 'role' | 'external'>): string {
  if (role === 'root' && external)
    return "it is another PKI's: make a keystore under its next root, or our own, then: cluster-ca rollover start --from-anchor FILE";
  return `replace it before it ends: cluster-ca rollover start${role === 'root' ? '' : ' --issuing'}`;
}

/**
 * A CA that ends: info from half its life on; a warning when less than 180 days and two node lifetimes are left, or,
 * where that is more than half its life, less than a tenth of it; critical when it has ended.
 * @param nodeLifetime milliseconds
 */
export function authorityAlert(authority: AuthorityLife, nodeLifetime: number, now: number): Alert | undefined {
  const end = authority.notAfter + 1000;
  const life = end - authority.notBefore;
  const left = end - now;
  const planned = 180 * DAY + 2 * nodeLifetime;
  const warnAt = planned > life / 2 ? life / 10 : planned;
  if (left >= life / 2) return undefined;
  const severity = left <= 0 ? 'critical' : left < warnAt ? 'warning' : 'info';
  const kind = `${authority.role} CA`;
  return {
    name: 'cluster_certs_about_to_expire',
    severity,
    subject: authority.id,
    message:
      left <= 0
        ? `the ${kind} has ended on ${formatTime(authority.notAfter)}`
        : `the ${kind} ends on ${formatTime(authority.notAfter)}`,
    hint: replacementHint(authority),
    since: formatTime(severity === 'info' ? end - life / 2 : severity === 'warning' ? end - warnAt : end),
    expiresAt: formatTime(authority.notAfter),
  };
}
