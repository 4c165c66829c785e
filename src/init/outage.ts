import { ClusterCaError } from '../errors.ts';
import { DUE_AT_MOST } from '../keystore/certificates/due.ts';
import type { Policy } from '../keystore/log/bodies.ts';
import { formatDuration } from '../values/duration.ts';
import type { PolicyOptions } from './policy-options.ts';

/** What an outage of the CA leaves of a certificate's life before it is said to be late: a quarter of it (cli.md, Due). */
const LATE = 1 / 4;
/** When the CA is back, all that came due meanwhile is caught up with in a third of the outage. */
const SLACK = 4 / 3;
/** The shortest life, in outages, whose ordinary proportions (due at two thirds, alert at half) leave that much. */
const LIFE = 8;
/** A CRL is renewed at half its life, and told of at a quarter: what is between is what it tolerates. */
const CRL_LIFE = 4;
const CRL_DEFAULT = 30 * 86_400;

/** How long the CA may be gone, and what follows from it. */
export interface ToleratedOutage {
  /** Seconds, as asked for. */
  asked: number;
  /** Seconds: the longest outage that no certificate, no CRL and no alert notices. */
  tolerated: number;
  why: string[];
}

type Derived = Pick<PolicyOptions, 'nodeLifetime' | 'rotateBefore' | 'alertBefore' | 'crlLifetime'>;

/**
 * Fills in what was not given of the lifetimes, so that the CA may be gone for `outage` seconds at any time: whatever
 * comes due meanwhile waits, and is rotated afterwards before anything warns of it.
 */
export function lifetimesFor(outage: number, given: PolicyOptions): Derived {
  const needed = Math.ceil(outage * SLACK);
  const nodeLifetime =
    given.nodeLifetime ?? (given.rotateBefore === undefined ? LIFE * outage : Math.round(given.rotateBefore * 1.5));
  const half = Math.round(nodeLifetime / 2);
  const earliest = Math.floor(nodeLifetime * DUE_AT_MOST);
  const rotateBefore =
    given.rotateBefore ??
    Math.min(earliest, Math.max(Math.round((nodeLifetime * 2) / 3), (given.alertBefore ?? half) + needed));
  const late = Math.ceil(nodeLifetime * LATE);
  const alertBefore = given.alertBefore ?? Math.min(half, Math.max(late, 1, Math.min(earliest, rotateBefore) - needed));
  const crlLifetime = given.crlLifetime ?? Math.max(CRL_DEFAULT, CRL_LIFE * needed);
  return { nodeLifetime, rotateBefore, alertBefore, crlLifetime };
}

/**
 * Holds a policy against the outage that it is to tolerate.
 * @throws ERR_USAGE when what was given besides contradicts it
 */
export function checkOutage(asked: number, policy: Policy): ToleratedOutage {
  const { nodeLifetime, rotateBefore, alertBefore, crlLifetime } = policy;
  const due = Math.min(rotateBefore, Math.floor(nodeLifetime * DUE_AT_MOST));
  const told = Math.max(alertBefore, Math.ceil(nodeLifetime * LATE));
  const [ofCertificates, ofCrls] = [due - told, Math.floor(crlLifetime / CRL_LIFE)];
  const words = (seconds: number): string => (seconds > 0 ? formatDuration(seconds) : 'nothing');
  const refused = (what: string, hint: string): ClusterCaError =>
    new ClusterCaError('ERR_USAGE', `--tolerate-ca-outage ${words(asked)} is contradicted: ${what}`, { hint });
  if (ofCertificates < asked)
    throw refused(
      `certificates of ${words(nodeLifetime)} are due when ${words(due)} are left, and told of when ${words(told)} are, which leaves ${words(ofCertificates)}`,
      `leave --node-lifetime, --rotate-before and --alert-before out, or give --node-lifetime ${words(LIFE * asked)} or more`,
    );
  if (ofCrls < asked)
    throw refused(
      `CRLs of ${words(crlLifetime)} are renewed when half is left, and told of when a quarter is, which leaves ${words(ofCrls)}`,
      `leave --crl-lifetime out, or give --crl-lifetime ${words(CRL_LIFE * Math.ceil(asked * SLACK))} or more`,
    );
  return {
    asked,
    tolerated: Math.min(ofCertificates, ofCrls),
    why: [
      `a certificate of ${words(nodeLifetime)} is due when ${words(due)} are left: after ${words(asked)} without the CA ${words(due - asked)} are`,
      `nothing warns of it before ${words(told)} are left, which leaves ${words(ofCertificates - asked)} to catch up in`,
      `a CRL of ${words(crlLifetime)} is renewed when half is left and told of when a quarter is: ${words(ofCrls)} lie between`,
    ],
  };
}
