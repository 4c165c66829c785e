import type { Finding } from '../drift/codes.ts';
import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

/**
 * A service that does not have, or does not serve, what was issued to it: what `verify --inventory` finds, with its
 * severity. What could only not be looked at is no alert.
 * @param foundAt when it was looked; milliseconds since 1970
 * @param hint what helps; by default to look at it from here
 */
export function driftAlert(
  { node, plane, service, code, severity, message }: Finding,
  foundAt: number,
  hint = `cluster-ca verify --inventory FILE ${node}`,
): Alert | undefined {
  if (severity === 'info') return undefined;
  return {
    name: 'node_drift',
    severity,
    subject: `${plane === undefined || plane === '' ? node : `${node}/${plane}`} ${code} ${service}`,
    message: `${service}: ${message}`,
    hint,
    since: formatTime(foundAt),
  };
}
