import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

/** What ends or comes due; times in milliseconds since 1970, notAfter included. */
export interface Ending {
  subject: string;
  notAfter: number;
  /** From when it is to be rotated; a CA has no such time. */
  dueAt?: number;
  hint: string;
}

/** Something that ends or comes due within a time that somebody asked about: a warning, because they asked. */
export function withinAlert(thing: Ending, within: number, now: number): Alert | undefined {
  const { subject, notAfter, dueAt, hint } = thing;
  const end = notAfter + 1000;
  const ends = end - now <= within;
  if (!ends && (dueAt === undefined || dueAt - now > within)) return undefined;
  const expiresAt = formatTime(notAfter);
  if (ends || dueAt === undefined) {
    const message = end <= now ? `it has ended on ${expiresAt}` : `it ends on ${expiresAt}`;
    return {
      name: 'ends_within',
      severity: 'warning',
      subject,
      message,
      hint,
      since: formatTime(end - within),
      expiresAt,
    };
  }
  const message =
    dueAt <= now
      ? `it is due for rotation since ${formatTime(dueAt)}`
      : `it comes due for rotation on ${formatTime(dueAt)}`;
  return {
    name: 'due_within',
    severity: 'warning',
    subject,
    message,
    hint,
    since: formatTime(dueAt - within),
    expiresAt,
  };
}
