import type { Alert } from '../../alerts/alert.ts';
import type { CertificateObject } from '../../documents/certificate-object.ts';
import type { LogRecord } from '../../keystore/log/record.ts';
import type { RolloverBoard } from '../../rollover/running/board.ts';
import { Html, html } from './html.ts';
import { ago, command, MOST_ROWS, table } from './parts.ts';
import { rolloverSection } from './rollover.ts';
import { STYLE } from './style.ts';

export interface Overview {
  cluster: string;
  head: string;
  now: number;
  authorities: { id: string; notBefore: string; notAfter: string; status: string }[];
  /** The first to end first. */
  certificates: readonly CertificateObject[];
  alerts: readonly Alert[];
  /** While one is in progress. */
  rollover?: RolloverBoard | undefined;
  /** The newest first. */
  records: readonly LogRecord[];
}

/** The page for those who look: all of it on the server, nothing to run in the browser. */
export function overviewPage(of: Overview): string {
  const { cluster, head, now } = of;
  return `<!DOCTYPE html>\n${
    html`<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${cluster}: certificates</title><style>${new Html(STYLE)}</style></head>
<body>
<header><h1>cluster ${cluster}</h1>
<p>${summary(of)}</p>
<p class="quiet">as of <time datetime="${time(now)}">${time(now)}</time>, log head <code>${head}</code></p>
<nav aria-label="on this page">${of.rollover === undefined ? '' : html`<a href="#rollover">Rollover</a>`}<a href="#alerts">Alerts</a><a href="#certificates">Certificates</a><a href="#authorities">Authorities</a><a href="#log">Log</a></nav></header>
<main>
${rolloverSection(of.rollover, now)}<section aria-labelledby="alerts"><h2 id="alerts">Alerts</h2>${alertTable(of)}</section>
<section aria-labelledby="certificates"><h2 id="certificates">Certificates</h2>${certificateTable(of)}</section>
<section aria-labelledby="authorities"><h2 id="authorities">Authorities</h2>${authorityTable(of)}</section>
<section aria-labelledby="log"><h2 id="log">Log</h2>${logTable(of)}</section>
</main>
</body></html>`.text
  }\n`;
}

function alertTable({ alerts, now }: Overview): Html {
  if (alerts.length === 0) return html`<p>Nothing needs attention.</p>`;
  return table(
    'Alerts',
    ['Severity', 'About', 'What', 'What helps', 'Since'],
    alerts.slice(0, MOST_ROWS).map(({ name, severity, subject, message, hint, since }) => ({
      head: html`<span class="${severity}">${severity}</span>`,
      cells: [
        html`<span class="whole">${subject}</span>`,
        html`<span>${message} <span class="quiet">${name}</span></span>`,
        html`<code>${command(hint)}</code>`,
        ago(since, now),
      ],
    })),
    alerts.length,
  );
}

function certificateTable({ certificates, now }: Overview): Html {
  if (certificates.length === 0) return html`<p>Nothing was issued.</p>`;
  return html`<p class="quiet">A bar is a life: coloured is what is over, the mark is from when it is rotated.</p>${table(
    'Certificates',
    ['Name', 'Plane', 'Status', 'Ends', 'Lifetime', 'Serial'],
    certificates.slice(0, MOST_ROWS).map((one) => {
      const due = Date.parse(one.dueAt);
      const [state, mark] = one.status === 'valid' && due <= now ? ['valid, due', 'warning'] : [one.status, one.status];
      return {
        head: html`${one.kind === 'node' ? one.node : `${one.kind} ${one.node}`}`,
        cells: [
          html`${one.plane ?? '–'}`,
          html`<span class="${mark}">${state}</span>`,
          ago(one.notAfter, now),
          bar(one, now, due),
          html`<code>${one.serial}</code>`,
        ],
      };
    }),
    certificates.length,
  )}`;
}

function authorityTable({ authorities, now }: Overview): Html {
  return table(
    'Authorities',
    ['Authority', 'Status', 'Ends', 'Lifetime'],
    authorities.map((one) => ({
      head: html`${one.id}`,
      cells: [html`<span class="${one.status}">${one.status}</span>`, ago(one.notAfter, now), bar(one, now)],
    })),
    authorities.length,
  );
}

function logTable({ records }: Overview): Html {
  return table(
    'Log',
    ['Record', 'Time', 'What', 'By'],
    records.map(({ seq, time: at, op, actor }) => ({
      head: html`${seq}`,
      cells: [html`<time datetime="${at}">${at}</time>`, html`${op}`, html`${actor}`],
    })),
    records.length,
  );
}

/** How many alerts there are of which severity, the worst first. */
function summary({ alerts }: Overview): Html {
  const counts = (['critical', 'warning', 'info'] as const).flatMap((severity) => {
    const count = alerts.filter((alert) => alert.severity === severity).length;
    return count === 0 ? [] : [html`<span class="${severity}">${count} ${severity}</span>`];
  });
  if (counts.length === 0) return html`nothing needs attention`;
  return html`alerts: ${counts.flatMap((count, i) => (i === 0 ? [count] : [', ', count]))}`;
}

/** A life as a bar: what of it is spent, and from when it is due. */
function bar({ notBefore, notAfter }: { notBefore: string; notAfter: string }, now: number, due?: number): Html {
  const [from, until] = [Date.parse(notBefore), Date.parse(notAfter)];
  const at = (moment: number): number =>
    Math.round(Math.min(1, Math.max(0, (moment - from) / (until - from))) * 1000) / 10;
  const mark = due === undefined ? html`` : html`<line class="due" x1="${at(due)}" x2="${at(due)}" y1="0" y2="8"/>`;
  return html`<svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="${Math.round(at(now))} % of its life is over"><rect class="rest" width="100" height="4" y="2"/><rect class="spent" width="${at(now)}" height="4" y="2"/>${mark}</svg>`;
}

function time(moment: number): string {
  return new Date(moment).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
