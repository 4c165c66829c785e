import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

export interface CrlLife {
  authority: string;
  role: 'root' | 'issuing';
  thisUpdate: number;
  nextUpdate: number;
}

/** What part of its life is left when a CRL is an alert: writers renew the issuing CAs' at half, a root's lives as long as its issuing CA. */
const LEFT = { issuing: 0.25, root: 0.05 };

/** A CRL near its nextUpdate: beyond it, servers that check CRLs refuse everybody. */
export function crlAlert(crl: CrlLife, now: number): Alert | undefined {
  const life = crl.nextUpdate - crl.thisUpdate;
  const left = crl.nextUpdate - now;
  if (left > LEFT[crl.role] * life) return undefined;
  return {
    name: 'crl_about_to_expire',
    severity: left <= 0 ? 'critical' : 'warning',
    subject: crl.authority,
    message:
      left <= 0
        ? `the CRL's nextUpdate was ${formatTime(crl.nextUpdate)}: servers that check CRLs refuse everybody`
        : `the CRL's nextUpdate is ${formatTime(crl.nextUpdate)}`,
    hint: crl.role === 'root' ? `cluster-ca crl --renew --authority ${crl.authority}` : 'cluster-ca crl --renew',
    since: formatTime(left <= 0 ? crl.nextUpdate : crl.nextUpdate - LEFT[crl.role] * life),
    expiresAt: formatTime(crl.nextUpdate),
  };
}
