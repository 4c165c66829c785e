import type { Alert } from '../../alerts/alert.ts';
import type { CertificateObject } from '../../documents/certificate-object.ts';
import type { LogRecord } from '../../keystore/log/record.ts';
import { relativeTime } from '../../ui/text/duration.ts';
import { Html, html } from './html.ts';
import { STYLE } from './style.ts';

/** Rows of a table: more is for the API. */
export const MOST_ROWS = 500;

export interface Overview {
  cluster: string;
  head: string;
  now: number;
  authorities: { id: string; notBefore: string; notAfter: string; status: string }[];
  /** The first to end first. */
  certificates: readonly CertificateObject[];
  alerts: readonly Alert[];
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
<p class="quiet">as of <time datetime="${time(now)}">${time(now)}</time>, log head <code>${head}</code></p>
<nav aria-label="on this page"><a href="#alerts">Alerts</a><a href="#certificates">Certificates</a><a href="#authorities">Authorities</a><a href="#log">Log</a></nav></header>
<main>
<section aria-labelledby="alerts"><h2 id="alerts">Alerts</h2>${alertTable(of)}</section>
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
    ['Severity', 'About', 'What', 'What helps', 'Since'],
    alerts.slice(0, MOST_ROWS).map(
      ({ name, severity, subject, message, hint, since }) => html`<tr>
<td class="${severity}">${severity}</td><td>${subject}</td><td>${message} <span class="quiet">${name}</span></td><td><code>${hint}</code></td><td>${relativeTime(Date.parse(since), now)}</td></tr>`,
    ),
    alerts.length,
  );
}

function certificateTable({ certificates, now }: Overview): Html {
  if (certificates.length === 0) return html`<p>Nothing was issued.</p>`;
  return table(
    ['Name', 'Plane', 'Status', 'Ends', 'Lifetime', 'Serial'],
    certificates.slice(0, MOST_ROWS).map((one) => {
      const name = one.kind === 'node' ? one.node : `${one.kind} ${one.node}`;
      const due = Date.parse(one.dueAt);
      const state = one.status === 'valid' && due <= now ? 'valid, due' : one.status;
      return html`<tr>
<th scope="row">${name}</th><td>${one.plane ?? '–'}</td><td>${state}</td><td><time datetime="${one.notAfter}">${relativeTime(Date.parse(one.notAfter), now)}</time></td><td>${bar(one, now, due)}</td><td><code>${one.serial}</code></td></tr>`;
    }),
    certificates.length,
  );
}

function authorityTable({ authorities, now }: Overview): Html {
  return table(
    ['Authority', 'Status', 'Ends', 'Lifetime'],
    authorities.map(
      (one) => html`<tr>
<th scope="row">${one.id}</th><td>${one.status}</td><td><time datetime="${one.notAfter}">${relativeTime(Date.parse(one.notAfter), now)}</time></td><td>${bar(one, now)}</td></tr>`,
    ),
    authorities.length,
  );
}

function logTable({ records }: Overview): Html {
  return table(
    ['Record', 'Time', 'What', 'By'],
    records.map(
      ({ seq, time: at, op, actor }) => html`<tr>
<th scope="row">${seq}</th><td><time datetime="${at}">${at}</time></td><td>${op}</td><td>${actor}</td></tr>`,
    ),
    records.length,
  );
}

/** A life as a bar: what of it is spent, and from when it is due. */
function bar({ notBefore, notAfter }: { notBefore: string; notAfter: string }, now: number, due?: number): Html {
  const [from, until] = [Date.parse(notBefore), Date.parse(notAfter)];
  const at = (moment: number): number =>
    Math.round(Math.min(1, Math.max(0, (moment - from) / (until - from))) * 1000) / 10;
  const mark = due === undefined ? html`` : html`<line class="due" x1="${at(due)}" x2="${at(due)}" y1="0" y2="8"/>`;
  return html`<svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="${Math.round(at(now))} % of its life is over"><rect class="rest" width="100" height="4" y="2"/><rect class="spent" width="${at(now)}" height="4" y="2"/>${mark}</svg>`;
}

function table(heads: string[], rows: Html[], all: number): Html {
  const more = all > rows.length ? html`<p class="quiet">${rows.length} of ${all} are shown.</p>` : html``;
  return html`<div class="wide" tabindex="0" role="region" aria-label="${heads[0] ?? ''}: the table"><table><thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>${more}`;
}

function time(moment: number): string {
  return new Date(moment).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
