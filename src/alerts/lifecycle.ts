import {
  type AlertChange,
  alertKey,
  MOST_ALERT_CHANGES,
  MOST_OPEN_ALERTS,
  type OpenAlert,
} from '../keystore/log/alerts.ts';
import { formatTime } from '../values/time.ts';
import { type Alert, worse } from './alert.ts';
import { grouped, MANY } from './group.ts';

const DAY = 86_400_000;

/** Why an alert was resolved: its condition is gone, a later stage of it has its place, or there are too many of its kind. */
export type Resolution = 'over' | 'replaced' | 'grouped';

/** Something to tell: an alert, and what has become of it. */
export interface Transition {
  event: 'raised' | 'repeated' | 'escalated' | 'resolved';
  /** Of one that is resolved: as it was told last. */
  alert: Alert;
  /** When it was raised; milliseconds since 1970. */
  raisedAt: number;
  because?: Resolution;
}

/**
 * What is to be told now. An alert is known by its name and subject; it is raised once, repeated when a day has gone
 * since it was last told, escalated at once when it gets worse, and resolved when it is there no more; until then it
 * keeps the worst severity that it was told with, so that whoever heard of it hears of its end. The state is the log's: record what this returns (`alertBodies`), then tell it.
 * @param open `state.alerts` of the log
 * @param alerts what the rules say now
 * @param now milliseconds since 1970
 */
export function transitions(open: readonly OpenAlert[], alerts: readonly Alert[], now: number): Transition[] {
  const current = currentAlerts(open, alerts);
  const known = new Map(open.map((one) => [alertKey(one), one]));
  const gone = open.filter((one) => !current.has(alertKey(one))).map((one) => resolved(one, current, now));
  const told = [...current].flatMap(([key, alert]): Transition[] => {
    const before = known.get(key);
    if (before === undefined) return [{ event: 'raised', alert, raisedAt: now }];
    const { raisedAt, notifiedAt, severity } = before;
    if (worse(alert.severity, severity)) return [{ event: 'escalated', alert, raisedAt }];
    return now - notifiedAt >= DAY ? [{ event: 'repeated', alert: { ...alert, severity }, raisedAt }] : [];
  });
  // What ends makes room for what begins; more than the log holds is not told, because it would be told again and again.
  let room = MOST_OPEN_ALERTS - open.length + gone.length;
  return [...gone, ...told.filter(({ event }) => event !== 'raised' || room-- > 0)];
}

/**
 * The open alerts as they are now, for a receiver that forgets what it is not told again.
 * @param open `state.alerts` of the log
 */
export function standing(open: readonly OpenAlert[], alerts: readonly Alert[]): Transition[] {
  const current = currentAlerts(open, alerts);
  return open.flatMap(({ name, subject, severity, raisedAt }): Transition[] => {
    const alert = current.get(alertKey({ name, subject }));
    return alert === undefined ? [] : [{ event: 'repeated', alert: { ...alert, severity }, raisedAt }];
  });
}

/** By what tells them apart; of two that nothing does, the worse. */
function currentAlerts(open: readonly OpenAlert[], alerts: readonly Alert[]): Map<string, Alert> {
  const apart = new Map<string, Alert>();
  for (const alert of alerts.map(recordable)) {
    const known = apart.get(alertKey(alert));
    if (known === undefined || worse(alert.severity, known.severity)) apart.set(alertKey(alert), alert);
  }
  return new Map(grouped([...apart.values()], open).map((alert) => [alertKey(alert), alert]));
}

/** The bodies of the `alerts` records that say so, in this order. */
export function alertBodies(told: readonly Transition[]): { changes: AlertChange[] }[] {
  const changes = told.map(({ event, alert: { name, subject, severity, since } }) => ({
    event,
    name,
    subject,
    severity,
    since: Math.max(0, Date.parse(since)),
  }));
  const bodies: { changes: AlertChange[] }[] = [];
  for (let start = 0; start < changes.length; start += MOST_ALERT_CHANGES)
    bodies.push({ changes: changes.slice(start, start + MOST_ALERT_CHANGES) });
  return bodies;
}

function resolved(one: OpenAlert, current: ReadonlyMap<string, Alert>, now: number): Transition {
  const { name, subject, severity, since, raisedAt } = one;
  const because = whyResolved(one, current);
  const message = {
    over: `it is over since ${formatTime(now)}`,
    replaced: 'an alert of another stage has its place',
    grouped: `there are many of these: one alert with the subject ${MANY} stands for all`,
  }[because];
  return {
    event: 'resolved',
    alert: { name, subject, severity, message, hint: 'cluster-ca status', since: formatTime(since) },
    raisedAt,
    because,
  };
}

function whyResolved({ name, subject }: OpenAlert, current: ReadonlyMap<string, Alert>): Resolution {
  if (current.has(alertKey({ name, subject: MANY }))) return 'grouped';
  const other = name.endsWith('_late') ? name.slice(0, -'_late'.length) : `${name}_late`;
  const inPlace =
    current.has(alertKey({ name: other, subject })) || current.has(alertKey({ name: other, subject: MANY }));
  return inPlace ? 'replaced' : 'over';
}

/** Its subject as the log takes it: of at most 200 characters, none of which is a control character. */
function recordable(alert: Alert): Alert {
  const subject = [...alert.subject.replace(/[\p{Cc}\p{Cs}]/gu, '?')].slice(0, 200).join('');
  return { ...alert, subject };
}
