import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

/** What the rule needs of a holder's current certificate; times in milliseconds since 1970, both ends included. */
export interface Lifespan {
  kind: 'node' | 'client' | 'probe';
  name: string;
  plane: string;
  notBefore: number;
  notAfter: number;
}

const LATE = 0.75;
const CRITICAL = 0.85;

/** Whether less than this part of a certificate's life is left. */
export function isPastAlert(
  { notBefore, notAfter }: Pick<Lifespan, 'notBefore' | 'notAfter'>,
  alertRatio: number,
  now: number,
): boolean {
  const end = notAfter + 1000;
  const left = end - now;
  return left <= 0 || left < alertRatio * (end - notBefore);
}

/**
 * A node's or client's certificate: a warning below `alertRatio` of its life left (alert-before of node-lifetime),
 * from 75 % elapsed under a name that ends in `_late`, critical from 85 % or when it has expired. Proportions, so
 * that a certificate of a minute and one of a year are told alike.
 * @param hasAgent its keys are its agent's to make: one that has ended joins again
 */
export function nodeCertificateAlert(
  certificate: Lifespan,
  alertRatio: number,
  now: number,
  hasAgent = false,
): Alert | undefined {
  if (!isPastAlert(certificate, alertRatio, now)) return undefined;
  const { notBefore, notAfter } = certificate;
  const end = notAfter + 1000;
  const life = end - notBefore;
  const left = end - now;
  const elapsed = 1 - left / life;
  const expired = left <= 0;
  const node = certificate.kind === 'node';
  const base = node ? 'node_internal_certs_about_to_expire' : 'client_certs_about_to_expire';
  const subject = node ? `${certificate.name}/${certificate.plane}` : `client ${certificate.name}`;
  return {
    name: elapsed >= LATE ? `${base}_late` : base,
    severity: elapsed >= CRITICAL ? 'critical' : 'warning',
    subject,
    message: expired
      ? `the certificate has expired on ${formatTime(notAfter)}`
      : `${Math.round(100 * elapsed)} % of the certificate's life is over; it ends on ${formatTime(notAfter)}`,
    hint:
      hasAgent && node
        ? agentHint(certificate.name, expired)
        : `cluster-ca rotate ${certificate.name}${node ? ` --plane ${certificate.plane}` : ''}`,
    since: formatTime(end - alertRatio * life),
    expiresAt: formatTime(notAfter),
  };
}

function agentHint(node: string, expired: boolean): string {
  return expired
    ? `cluster-ca join-token ${node}, then on ${node}: cluster-ca enroll`
    : `on ${node}: systemctl status cluster-ca-agent`;
}
