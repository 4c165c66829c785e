import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

/** A rotation that was tried and did not come to its end. */
export interface FailedRotation {
  name: string;
  /** '' of a client. */
  plane: string;
  /** How often in a row, and the time of the first; milliseconds since 1970. */
  failures: number;
  since: number;
  /** What went wrong the last time; never a secret. */
  error: string;
  /** The end of the certificate that is in place; undefined: there is none. */
  notAfter?: number;
}

/**
 * A rotation that fails: a warning from the first time on, because the next attempt is the daemon's own; critical when
 * the certificate in place has ended.
 */
export function rotationAlert(failed: FailedRotation, now: number): Alert {
  const { name, plane, failures, since, error, notAfter } = failed;
  const ended = notAfter !== undefined && now >= notAfter + 1000;
  return {
    name: 'node_rotation_failed',
    severity: ended ? 'critical' : 'warning',
    subject: plane === '' ? `client ${name}` : `${name}/${plane}`,
    message: `its rotation has failed ${failures === 1 ? 'once' : `${failures} times in a row`}: ${error}`,
    hint: `cluster-ca rotate ${name}${plane === '' ? '' : ` --plane ${plane}`} --deploy --inventory FILE`,
    since: formatTime(since),
    ...(notAfter === undefined ? {} : { expiresAt: formatTime(notAfter) }),
  };
}
