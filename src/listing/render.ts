import type { CertificateObject } from '../documents/certificate-object.ts';
import { lifetimeBar } from '../ui/text/bar.ts';
import { relativeTime } from '../ui/text/duration.ts';
import type { Style } from '../ui/text/style.ts';
import { table } from '../ui/text/table.ts';

const BAR = 20;

/** A table of certificates with their lifetimes as bars. */
export function renderList(certificates: readonly CertificateObject[], style: Style, now: Date): string {
  if (certificates.length === 0) return 'no certificates: cluster-ca issue NODE makes the first';
  const paint = (text: string, { status }: CertificateObject): string =>
    status === 'valid' ? style.good(text) : status === 'superseded' ? style.dim(text) : style.bad(text);
  return table(
    certificates,
    [
      { header: 'NAME', cell: (c) => (c.kind === 'node' ? c.node : `${c.kind} ${c.node}`), min: 12 },
      { header: 'PLANE', cell: (c) => c.plane ?? '-' },
      { header: 'STATUS', cell: (c) => statusWord(c, now), paint },
      { header: 'ENDS', cell: (c) => relativeTime(Date.parse(c.notAfter), now.getTime()) },
      { header: 'LIFETIME', cell: (c) => bar(c, style, now), min: BAR, priority: 2 },
      { header: 'SERIAL', cell: (c) => c.serial, min: 12, priority: 1 },
    ],
    style,
  ).join('\n');
}

function statusWord(c: CertificateObject, now: Date): string {
  return c.status === 'valid' && Date.parse(c.dueAt) <= now.getTime() ? 'valid, due' : c.status;
}

function bar(c: CertificateObject, style: Style, now: Date): string {
  const life = {
    notBefore: Date.parse(c.notBefore),
    notAfter: Date.parse(c.notAfter),
    due: Date.parse(c.dueAt),
    now: now.getTime(),
  };
  return lifetimeBar(life, { ...style, ...plain }, BAR);
}

/** The table measures and cuts raw text: colours are put on whole cells, afterwards. */
const same = (text: string): string => text;
const plain = { bold: same, dim: same, good: same, warn: same, bad: same, accent: same };
