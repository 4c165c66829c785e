import { paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { type Column, table } from '../ui/text/table.ts';
import type { Finding } from './codes.ts';
import type { DriftDocument, ServiceObject } from './drift.ts';

/** An address with its port is worth more than a few digits of a fingerprint: those are cut first. */
const SHORTEST_SERVICE = 32;
const SHORTEST_PRINT = 8;

/** The services as a table, then what was found of each, the worst first. */
export function renderDrift(document: DriftDocument, style: Style): string {
  const columns: Column<ServiceObject>[] = [
    { header: 'NODE', cell: ({ node }) => node, min: 8, paint: (text) => style.accent(text) },
    { header: 'PLANE', cell: ({ plane }) => plane ?? '-' },
    { header: 'SERVICE', cell: ({ service }) => service, min: SHORTEST_SERVICE },
    { header: 'ISSUED', cell: ({ issued }) => short(issued), min: SHORTEST_PRINT, priority: 1 },
    { header: 'ON DISK', cell: ({ onDisk, issued }) => same(onDisk, issued), min: SHORTEST_PRINT, priority: 1 },
    {
      header: 'SERVED',
      cell: ({ served, onDisk, issued }) => same(served, onDisk ?? issued),
      min: SHORTEST_PRINT,
      priority: 1,
    },
    {
      header: 'RESULT',
      cell: ({ ok }) => (ok ? 'ok' : 'drift'),
      paint: (text, { ok }) => (ok ? style.good(text) : style.bad(text)),
    },
  ];
  return [
    ...table(document.services, columns, style),
    ...document.findings.flatMap((finding) => ['', ...findingLines(finding, style)]),
  ].join('\n');
}

function findingLines({ node, service, code, severity, message, hint }: Finding, style: Style): string[] {
  const paint = severity === 'critical' ? style.bad : severity === 'warning' ? style.warn : style.dim;
  return [
    `${paint(`${severity}: ${code}`)}  ${safeText(node, style)}, ${safeText(service, style)}`,
    ...paragraph(message, style, 2),
    ...(severity === 'info' ? [] : paragraph(`hint: ${hint}`, style, 2, style.accent)),
  ];
}

function short(fingerprint: string | undefined): string {
  return fingerprint === undefined ? '-' : fingerprint.slice(0, 12);
}

function same(fingerprint: string | undefined, other: string | undefined): string {
  return fingerprint !== undefined && fingerprint === other ? 'the same' : short(fingerprint);
}
