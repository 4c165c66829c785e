import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

const DAY = 86_400_000;

/**
 * This clock against the log's last record. One that is behind stops everything but revocations and CRLs: a warning.
 * One that is far ahead is for information, because a keystore may well rest for as long.
 * @param leap milliseconds
 * @param lastRecord milliseconds since 1970
 */
export function clockAlert(leap: { behind: number } | { ahead: number }, lastRecord: number, now: number): Alert {
  const last = formatTime(lastRecord);
  if ('behind' in leap)
    return {
      name: 'clock_behind',
      severity: 'warning',
      subject: 'clock',
      message: `this clock says ${formatTime(now)}, before the keystore's last record of ${last}: nothing can be issued`,
      hint: 'timedatectl timesync-status; if the last record was written by a wrong clock: --accept-clock',
      since: formatTime(now),
    };
  return {
    name: 'clock_ahead',
    severity: 'info',
    subject: 'clock',
    message: `this clock is ${Math.floor(leap.ahead / DAY)} days beyond the keystore's last record of ${last}`,
    hint: 'timedatectl timesync-status, before anything is written',
    since: last,
  };
}
