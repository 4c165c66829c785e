import type { Alert } from '../alerts/alert.ts';
import { lifetimeBar } from '../ui/text/bar.ts';
import { relativeTime } from '../ui/text/duration.ts';
import { paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import type { StatusDocument } from './status.ts';

const BAR = 24;

/** What needs attention first, then the CAs' lifetimes, then what to do next. */
export function renderStatus(document: StatusDocument, cluster: string, style: Style, now: Date): string {
  const { alerts, authorities, certificates } = document;
  const lines = [style.bold(`cluster ${cluster}`)];
  for (const alert of alerts) lines.push(...renderAlert(alert, style));
  if (!document.attention) lines.push(style.good('nothing needs attention'));
  const width = Math.max(...authorities.map(({ id }) => id.length));
  for (const { id, notBefore, notAfter } of authorities) {
    const life = { notBefore: Date.parse(notBefore), notAfter: Date.parse(notAfter), now: now.getTime() };
    lines.push(
      `${id.padEnd(width)}  ${lifetimeBar(life, style, BAR)}  ends ${relativeTime(life.notAfter, now.getTime())}`,
    );
  }
  const { valid, due, expired, revoked, superseded } = certificates;
  lines.push(
    `certificates: ${valid} valid (${due} due), ${expired} expired, ${revoked} revoked, ${superseded} superseded`,
  );
  lines.push(`next: ${nextStep(document)}`);
  return lines.join('\n');
}

function renderAlert(alert: Alert, style: Style): string[] {
  const paint = { critical: style.bad, warning: style.warn, info: style.accent }[alert.severity];
  return [
    `${paint(alert.severity.padEnd(8))} ${style.bold(safeText(alert.subject, style))}  ${alert.name}`,
    ...paragraph(alert.message, style, 9),
    ...paragraph(alert.hint, style, 9, style.dim),
  ];
}

function nextStep({ alerts, certificates }: StatusDocument): string {
  const urgent = alerts.find(({ severity }) => severity !== 'info');
  if (certificates.due > 0 || (urgent?.name.includes('certs_about_to_expire') === true && urgent.subject.includes('/')))
    return 'cluster-ca rotate --due --out DIR';
  if (urgent !== undefined) return urgent.hint;
  return certificates.valid === 0 ? 'cluster-ca issue NODE --out DIR' : 'nothing';
}
