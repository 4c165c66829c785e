import type { AlertmanagerConfiguration } from '../../inventory/alerts-schema.ts';
import type { Severity } from '../alert.ts';
import type { Transition } from '../lifecycle.ts';
import { secretText, trustText } from './files.ts';
import { post } from './post.ts';
import { type Resolver, systemResolver } from './resolve.ts';
import { type Batch, DEFAULT_SEVERITY, PATIENCE, type Sink } from './sink.ts';

/** How long Alertmanager keeps an alert that it is not told of again: a daemon that is gone must not resolve it at once. */
const HOLD = 3_600_000;
const SEVERITIES: readonly Severity[] = ['info', 'warning', 'critical'];

/**
 * Alertmanager's API v2. It tells, repeats and resolves by rules of its own, so it is told what stands at every look.
 * @throws ERR_CONFIG, ERR_USAGE, ERR_KEYSTORE_PERMISSIONS for its files
 */
export function alertmanagerSink(
  name: string,
  { url: base, tokenFile, ca: caFile, minSeverity = DEFAULT_SEVERITY }: AlertmanagerConfiguration,
  resolver: Resolver = systemResolver,
): Sink {
  const ca = trustText(caFile);
  const token = tokenFile === undefined ? undefined : secretText(tokenFile, 'token file');
  const url = new URL(`${base.replace(/\/+$/, '')}/api/v2/alerts`);
  return {
    name,
    minSeverity,
    forgets: true,
    patience: PATIENCE,
    async send({ cluster, at, transitions }: Batch, signal: AbortSignal) {
      const body = JSON.stringify(transitions.flatMap((one) => postable(cluster, one, at)));
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      await post({ url, headers, body, ca, resolver, signal });
    },
  };
}

/** The severity is a label, so an alert that has got worse is another: the one that it was ends. */
function postable(cluster: string, { event, alert, raisedAt }: Transition, at: number): object[] {
  const startsAt = new Date(Math.min(raisedAt, at)).toISOString();
  const labelled = (severity: Severity, endsAt: number) => ({
    labels: { alertname: alert.name, cluster, severity, subject: alert.subject },
    annotations: { summary: `${alert.subject}: ${alert.message}`, description: alert.message, hint: alert.hint },
    startsAt,
    endsAt: new Date(endsAt).toISOString(),
  });
  if (event === 'resolved') return [labelled(alert.severity, at)];
  const before = event === 'escalated' ? SEVERITIES.slice(0, SEVERITIES.indexOf(alert.severity)) : [];
  return [...before.map((severity) => labelled(severity, at)), labelled(alert.severity, at + HOLD)];
}
