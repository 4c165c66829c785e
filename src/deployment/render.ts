import { paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { type Column, table } from '../ui/text/table.ts';
import type { DeployDocument, ServiceObject } from './document.ts';

const MARKS: Record<ServiceObject['state'], string> = {
  confirmed: '✔ confirmed',
  placed: '✔ placed',
  unchanged: '· unchanged',
  pending: '… pending',
  failed: '✘ failed',
};

/** A table of the services with what became of each, then what went wrong and what is left to be done. */
export function renderDeploy(document: DeployDocument, style: Style): string {
  const { services, dryRun } = document;
  if (services.length === 0) return 'nothing to do: no service is concerned';
  const columns: Column<ServiceObject>[] = [
    { header: 'NODE', cell: ({ node }) => node, min: 8, paint: (text) => style.accent(text) },
    { header: 'PLANE', cell: ({ plane }) => plane ?? '-', priority: 1 },
    { header: 'SERVICE', cell: ({ kind, address, dir }) => `${kind} ${address ?? dir}`, min: 12 },
    { header: 'SERVES', cell: ({ served }) => served?.slice(0, 12) ?? '-', priority: 2 },
    {
      header: dryRun ? 'PLAN' : 'RESULT',
      cell: ({ state }) => (dryRun ? (state === 'unchanged' ? 'nothing to do' : 'deploy') : MARKS[state]),
      paint: (text, { state }) => (dryRun ? text : painter(state, style)(text)),
    },
  ];
  const lines = table(services, columns, style);
  if (dryRun) return [...lines, ...planLines(document, style)].join('\n');
  for (const service of services) lines.push(...detailLines(service, style));
  return [...lines, '', ...summary(services, style)].join('\n');
}

function painter(state: ServiceObject['state'], style: Style): (text: string) => string {
  if (state === 'failed') return style.bad;
  if (state === 'pending') return style.warn;
  return state === 'unchanged' ? style.dim : style.good;
}

function planLines({ services, waves }: DeployDocument, style: Style): string[] {
  const lines: string[] = [];
  for (const [i, wave] of waves.entries()) {
    lines.push('', `wave ${i + 1}: ${wave.join(', ')}`);
    for (const { node, plane, kind, steps = [], state } of services) {
      if (!wave.includes(node) || state === 'unchanged') continue;
      lines.push(...paragraph(`${node}${plane === undefined ? '' : `/${plane}`}, ${kind}`, style, 2, style.accent));
      for (const [n, step] of steps.entries()) lines.push(...paragraph(`${n + 1}. ${step}`, style, 4));
    }
  }
  if (waves.length > 0)
    lines.push(
      '',
      ...paragraph('primaries go after their replicas: which they are is asked when it runs', style, 0, style.dim),
    );
  return lines;
}

function detailLines(
  { node, plane, kind, address, dir, error, oldConnections }: ServiceObject,
  style: Style,
): string[] {
  const what = safeText(`${node}${plane === undefined ? '' : `/${plane}`}, ${kind} ${address ?? dir}`, style);
  const lines: string[] = [];
  if (error !== undefined) {
    lines.push('', what, ...paragraph(error.message, style, 2, style.bad));
    const problems = error.details?.problems;
    if (Array.isArray(problems))
      for (const problem of problems.slice(1) as { message: string }[])
        lines.push(...paragraph(problem.message, style, 2, style.bad));
    if (error.hint !== undefined) lines.push(...paragraph(`hint: ${error.hint}`, style, 2, style.accent));
  }
  if (oldConnections !== undefined)
    lines.push('', what, ...paragraph(`still on an older certificate: ${oldConnections.what}`, style, 2, style.warn));
  return lines;
}

function summary(services: readonly ServiceObject[], style: Style): string[] {
  const count = (state: ServiceObject['state']): number => services.filter((service) => service.state === state).length;
  const parts = (['confirmed', 'placed', 'unchanged', 'pending', 'failed'] as const)
    .map((state) => [count(state), state] as const)
    .filter(([n]) => n > 0)
    .map(([n, state]) => `${n} ${state}`);
  const open = count('pending') + count('failed') > 0;
  const next = open
    ? 'next: mend what is named above, then run the same command again: it does what is left'
    : 'next: cluster-ca verify --inventory FILE compares issued, on disk and served';
  return [parts.join(', '), ...paragraph(next, style)];
}
