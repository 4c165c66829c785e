import type { Role } from '../keystore/log/bodies.ts';
import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

export interface CrlLife {
  authority: string;
  role: Role;
  /** Another PKI signs it. */
  external?: boolean;
  thisUpdate: number;
  nextUpdate: number;
}

/** What part of its life is left when a CRL is an alert: writers renew the issuing CAs' at half, a root's lives as long as its issuing CA. */
const LEFT = { issuing: 0.25, intermediate: 0.25, root: 0.05 };

/** Where a new CRL of an authority comes from. */
export function crlHint({ authority, role, external }: Pick<CrlLife, 'authority' | 'role' | 'external'>): string {
  if (external || role === 'intermediate')
    return `get the current CRL of ${authority} from its PKI, then: cluster-ca crl --accept FILE`;
  return role === 'root' ? `cluster-ca crl --renew --authority ${authority}` : 'cluster-ca crl --renew';
}

/** A CRL near its nextUpdate: beyond it, servers that check CRLs refuse everybody. */
export function crlAlert(crl: CrlLife, now: number): Alert | undefined {
  const life = crl.nextUpdate - crl.thisUpdate;
  const left = crl.nextUpdate - now;
  const warnAt = life * (crl.external ? LEFT.intermediate : LEFT[crl.role]);
  if (left > warnAt) return undefined;
  return {
    name: 'crl_about_to_expire',
    severity: left <= 0 ? 'critical' : 'warning',
    subject: crl.authority,
    message:
      left <= 0
        ? `the CRL's nextUpdate was ${formatTime(crl.nextUpdate)}: servers that check CRLs refuse everybody`
        : `the CRL's nextUpdate is ${formatTime(crl.nextUpdate)}`,
    hint: crlHint(crl),
    since: formatTime(left <= 0 ? crl.nextUpdate : crl.nextUpdate - warnAt),
    expiresAt: formatTime(crl.nextUpdate),
  };
}
