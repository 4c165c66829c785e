import type { Finding, FindingCode } from '../drift/codes.ts';
import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';
import { driftAlert } from './drift.ts';

/** A node whose agent says nothing: it renews nothing, and nobody knows what it serves. */
export function silentAgentAlert(node: string, since: number): Alert {
  return {
    name: 'node_pending',
    severity: 'warning',
    subject: node,
    message: `its agent was last heard of at ${formatTime(since)}: the node is down, cut off, or its agent has ended`,
    hint: `on ${node}: systemctl status cluster-ca-agent`,
    since: formatTime(since),
  };
}

/** Certificates in use that are not those issued last: the agent makes new ones. */
const REPLACED = new Set<FindingCode>(['disk-differs', 'served-differs']);

/** What an agent sees amiss at its services; the inventory of the daemon need not know them. */
export function reportedDriftAlert(finding: Finding, since: number): Alert | undefined {
  const { node, code } = finding;
  const hint = REPLACED.has(code)
    ? `POST /v1/cluster/certificates/rotate {"nodes":["${node}"]}`
    : `on ${node}: journalctl -u cluster-ca-agent`;
  return driftAlert(finding, since, hint);
}

/** A service that its node's agent has not brought to where it should be, in the agent's words. */
export function reportedServiceAlert(
  {
    node,
    plane,
    service,
    state,
    why,
  }: { node: string; plane: string; service: string; state: 'pending' | 'failed'; why: string | undefined },
  since: number,
): Alert {
  return {
    name: state === 'failed' ? 'node_deployment_failed' : 'node_deployment_pending',
    severity: 'warning',
    subject: `${node}/${plane}`,
    message: `${service}: ${why ?? (state === 'failed' ? 'it did not take what it was given' : 'it is down, or was not reached')}`,
    hint: `on ${node}: journalctl -u cluster-ca-agent`,
    since: formatTime(since),
  };
}
