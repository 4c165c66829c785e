import type { ClusterCaError } from '../errors.ts';
import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

/** An inventory that a daemon cannot read or does not understand: nothing is rotated by it, and who is told of alerts is as before. */
export function inventoryAlert(path: string, { message, hint }: ClusterCaError, since: number): Alert {
  return {
    name: 'inventory_not_understood',
    severity: 'warning',
    subject: path,
    message: `nothing is rotated until it is mended: ${message}`,
    hint: hint ?? `cluster-ca issue --inventory ${path} --dry-run`,
    since: formatTime(since),
  };
}
