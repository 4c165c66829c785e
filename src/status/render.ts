import { type Alert, needsAttention } from '../alerts/alert.ts';
import { lifetimeBar } from '../ui/text/bar.ts';
import { relativeTime } from '../ui/text/duration.ts';
import { paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { pad } from '../ui/text/width.ts';
import type { StatusDocument } from './status.ts';

/** Alerts shown before the rest is only counted: a fleet that is due is one thing to do, not ten thousand. */
const MOST_ALERTS = 20;
/** Steps shown: the next ones, not all of a bad day. */
const MOST_STEPS = 3;
const INDENT = 10;

/** The verdict, what needs attention, the CAs' lifetimes, and what to do next. */
export function renderStatus(document: StatusDocument, cluster: string, style: Style, now: Date): string {
  const { alerts, authorities, certificates } = document;
  const lines = [`${style.bold(`cluster ${cluster}`)}: ${verdict(alerts, style)}`, ''];
  for (const alert of alerts.slice(0, MOST_ALERTS)) lines.push(...renderAlert(alert, style));
  if (alerts.length > MOST_ALERTS)
    lines.push(style.dim(`and ${alerts.length - MOST_ALERTS} more: cluster-ca status --json names them all`));
  if (alerts.length > 0) lines.push('');
  const width = Math.max('certificates'.length, ...authorities.map(({ id }) => id.length));
  const bar = Math.min(50, Math.max(20, style.width - width - 24));
  for (const { id, notBefore, notAfter } of authorities) {
    const life = { notBefore: Date.parse(notBefore), notAfter: Date.parse(notAfter), now: now.getTime() };
    const ends = life.notAfter < life.now ? 'ended' : 'ends';
    lines.push(`${pad(id, width)}  ${lifetimeBar(life, style, bar)}  ${ends} ${relativeTime(life.notAfter, life.now)}`);
  }
  lines.push(`${pad('certificates', width)}  ${counts(certificates)}`);
  if (document.backup !== undefined) lines.push(`${pad('last backup', width)}  ${backupText(document.backup, now)}`);
  if (document.rollover !== undefined) lines.push(`${pad('rollover', width)}  ${rolloverText(document.rollover, now)}`);
  lines.push('');
  nextSteps(document).forEach((step, i) => {
    lines.push(`${i === 0 ? 'next:' : '     '} ${style.accent(safeText(step, style))}`);
  });
  return lines.join('\n');
}

function verdict(alerts: readonly Alert[], style: Style): string {
  if (!needsAttention(alerts)) return style.good('nothing needs attention');
  const critical = alerts.filter(({ severity }) => severity === 'critical').length;
  const warnings = alerts.filter(({ severity }) => severity === 'warning').length;
  const parts = [
    ...(critical > 0 ? [style.bad(`${critical} critical`)] : []),
    ...(warnings > 0 ? [style.warn(`${warnings} warning${warnings === 1 ? '' : 's'}`)] : []),
  ];
  return `${parts.join(', ')}`;
}

function renderAlert(alert: Alert, style: Style): string[] {
  const paint = { critical: style.bad, warning: style.warn, info: style.accent }[alert.severity];
  return [
    `${paint(pad(alert.severity, INDENT - 2))}  ${style.bold(safeText(alert.subject, style))}  ${style.dim(alert.name)}`,
    ...paragraph(alert.message, style, INDENT),
    ...paragraph(alert.hint, style, INDENT, style.accent),
  ];
}

function rolloverText({ phase, since, blocking }: NonNullable<StatusDocument['rollover']>, now: Date): string {
  const who = blocking.length === 0 ? '' : `; ${blocking.length} to be proven`;
  return `${phase}, since ${relativeTime(Date.parse(since), now.getTime())}${who}: cluster-ca rollover status`;
}

function backupText({ at, recordsSince, root }: NonNullable<StatusDocument['backup']>, now: Date): string {
  const missed = recordsSince === 0 ? 'nothing since' : `${recordsSince} record${recordsSince === 1 ? '' : 's'} since`;
  return `${relativeTime(Date.parse(at), now.getTime())}, ${missed}${root ? '' : ", without the root CA's key"}`;
}

/** Statuses that nothing has are left out. */
function counts({ valid, due, expired, revoked, superseded }: StatusDocument['certificates']): string {
  const parts = [
    `${valid} valid${due > 0 ? ` (${due} due)` : ''}`,
    ...Object.entries({ expired, revoked, superseded }).flatMap(([status, n]) => (n > 0 ? [`${n} ${status}`] : [])),
  ];
  return parts.join(', ');
}

/** What to do, the most urgent first: one command for all certificates that are due, then each other alert's own. */
function nextSteps({ alerts, certificates, attention, rollover }: StatusDocument): string[] {
  const ofHolder = ({ name }: Alert): boolean => /^(node_internal|client)_certs_/.test(name);
  const serious = alerts.filter(({ severity }) => severity !== 'info');
  const steps = serious.map((alert) => (ofHolder(alert) ? 'cluster-ca rotate --due --out DIR' : alert.hint));
  if (certificates.due > 0) steps.push('cluster-ca rotate --due --out DIR');
  if (rollover !== undefined && !attention) steps.push('cluster-ca rollover status');
  if (!attention && steps.length === 0 && certificates.valid === 0) steps.push('cluster-ca issue NODE --out DIR');
  const unique = [...new Set(steps)].slice(0, MOST_STEPS);
  return unique.length > 0 ? unique : ['nothing to do now'];
}
