import { integer, list, oneOf, pattern, record, type Shaped } from '../shape.ts';

/** Open alerts that a state holds at most: what is raised beyond them changes nothing. */
export const MOST_OPEN_ALERTS = 1024;
/** Changes in one record at most. */
export const MOST_ALERT_CHANGES = 256;

const severity = oneOf('info', 'warning', 'critical');
const name = pattern(/^[a-z][a-z0-9_]{0,63}$/, 'the name of an alert');
const subject = pattern(/^[^\p{Cc}\p{Cs}]{1,200}$/u, 'the subject of an alert');

const change = record({
  event: oneOf('raised', 'repeated', 'escalated', 'resolved'),
  name,
  subject,
  severity,
  // Since when what the alert is about has been so, milliseconds since 1970.
  since: integer,
});
/** What the daemon has told of one alert. */
export type AlertChange = Shaped<typeof change>;
/** The body of an `alerts` record. */
export const alertChanges = record({ changes: list(change, MOST_ALERT_CHANGES) });

/** An alert that was raised and not resolved; times in milliseconds since 1970. */
export const openAlert = record({ name, subject, severity, since: integer, raisedAt: integer, notifiedAt: integer });
export type OpenAlert = Shaped<typeof openAlert>;

/** What tells one alert from another. */
export function alertKey({ name, subject }: Pick<OpenAlert, 'name' | 'subject'>): string {
  return `${name}\n${subject}`;
}

/** The open alerts after a record of this time, in the order in which they were raised. */
export function applyAlertChanges(
  before: readonly OpenAlert[],
  changes: readonly AlertChange[],
  time: number,
): OpenAlert[] {
  const open = new Map(before.map((one) => [alertKey(one), one]));
  for (const { event, name, subject, severity, since } of changes) {
    const id = alertKey({ name, subject });
    const known = open.get(id);
    if (event === 'resolved') open.delete(id);
    else if (known !== undefined || open.size < MOST_OPEN_ALERTS)
      open.set(id, { name, subject, severity, since, raisedAt: known?.raisedAt ?? time, notifiedAt: time });
  }
  return [...open.values()];
}
