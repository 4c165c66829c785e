import type { OpenAlert } from '../keystore/log/alerts.ts';
import { type Alert, sortAlerts } from './alert.ts';

/** The subject of an alert that stands for many. */
export const MANY = '*';
/** Alerts of one name that are told one by one: beyond, one stands for all. */
export const MOST_OF_A_NAME = 64;
/** It stands for them until there are so few. */
const FEW = 32;

/**
 * A fleet that is due is one thing to tell, not ten thousand: of each name at most 64 alerts, or one that stands for
 * all of them, until there are only half as many. That bounds what is sent, and what the log holds.
 */
export function grouped(alerts: readonly Alert[], open: readonly OpenAlert[]): Alert[] {
  const byName = new Map<string, Alert[]>();
  for (const alert of alerts) {
    const own = byName.get(alert.name);
    if (own === undefined) byName.set(alert.name, [alert]);
    else own.push(alert);
  }
  return [...byName].flatMap(([name, own]) => {
    const isGroup = open.some((one) => one.name === name && one.subject === MANY);
    return own.length > (isGroup ? FEW : MOST_OF_A_NAME) ? [groupOf(name, own)] : own;
  });
}

function groupOf(name: string, alerts: readonly Alert[]): Alert {
  const [worst, second, third] = sortAlerts(alerts) as [Alert, Alert, Alert];
  const [since = worst.since] = alerts.map((alert) => alert.since).toSorted();
  const named = [worst, second, third].map(({ subject }) => subject).join(', ');
  return {
    name,
    severity: worst.severity,
    subject: MANY,
    message: `${alerts.length} of these: ${named} and ${alerts.length - 3} more`,
    hint: 'cluster-ca status',
    since,
  };
}
