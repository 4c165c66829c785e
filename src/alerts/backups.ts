import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

const DAY = 86_400_000;
/** A keystore that nobody has backed up in half a year has not been forgotten for a day. */
const NEVER = 180 * DAY;
/** A backup this old misses what came after it. */
const OLD = 30 * DAY;

export interface BackupLife {
  /** When the keystore was made, and its last record; milliseconds since 1970. */
  createdAt: number;
  /** When the last backup was made; undefined: never. */
  last: number | undefined;
  /** How many records came after it. */
  since: number;
}

/**
 * What a lost disk would cost. For information from the start, because a throw-away CA needs no backup; a warning when
 * there never was one in 180 days; and for information again when the last one is older than 30 days and misses
 * something.
 */
export function backupAlert({ createdAt, last, since }: BackupLife, now: number): Alert | undefined {
  const hint = 'cluster-ca keystore backup --out FILE';
  if (last === undefined) {
    const late = now - createdAt >= NEVER;
    return {
      name: 'keystore_never_backed_up',
      severity: late ? 'warning' : 'info',
      subject: 'keystore',
      message: 'there is no backup: if this disk is lost, so is the CA',
      hint,
      since: formatTime(late ? createdAt + NEVER : createdAt),
    };
  }
  if (since === 0 || now - last < OLD) return undefined;
  return {
    name: 'keystore_backup_old',
    severity: 'info',
    subject: 'keystore',
    message: `the last backup is of ${formatTime(last)}, and misses ${since} ${since === 1 ? 'record' : 'records'}`,
    hint,
    since: formatTime(last + OLD),
  };
}
