import type { CertificateObject } from '../documents/certificate-object.ts';
import { barLegend, type Lifetime, lifetimeBar } from '../ui/text/bar.ts';
import { relativeTime } from '../ui/text/duration.ts';
import { type Paint, plainStyle, type Style } from '../ui/text/style.ts';
import { tableLines } from '../ui/text/table.ts';

/** As wide as its header with the legend. */
const NARROWEST_BAR = 22;
const WIDEST_BAR = 40;

/** A table of certificates with their lifetimes as bars. Serial numbers are whole or not there: they are for copying. */
export function renderList(certificates: Iterable<CertificateObject>, style: Style, now: Date): Iterable<string> {
  const columns = Math.min(WIDEST_BAR, Math.max(NARROWEST_BAR, Math.floor(style.width / 5)));
  // The table measures and cuts raw text; colours are put on whole cells, afterwards.
  const plain = { ...plainStyle, unicode: style.unicode };
  const paint = (text: string, certificate: CertificateObject): string => paintOf(certificate, style, now)(text);
  // What the marks mean is for who sees them; a program reads one word.
  const lifetime = style.width === Number.POSITIVE_INFINITY ? 'LIFETIME' : `LIFETIME  ${barLegend({ due: 0 }, style)}`;
  return tableLines(
    certificates,
    [
      { header: 'NAME', cell: (c) => (c.kind === 'node' ? c.node : `${c.kind} ${c.node}`), min: 12 },
      { header: 'PLANE', cell: (c) => c.plane ?? '-' },
      { header: 'STATUS', cell: (c) => statusWord(c, now), paint },
      { header: 'ENDS', cell: (c) => relativeTime(Date.parse(c.notAfter), now.getTime()) },
      { header: lifetime, cell: (c) => lifetimeBar(lifetimeOf(c, now), plain, columns), paint, priority: 1 },
      { header: 'SERIAL', cell: (c) => c.serial, priority: 2 },
    ],
    style,
  );
}

function isDue(c: CertificateObject, now: Date): boolean {
  return c.status === 'valid' && Date.parse(c.dueAt) <= now.getTime();
}

function statusWord(c: CertificateObject, now: Date): string {
  return isDue(c, now) ? 'valid, due' : c.status;
}

function paintOf(c: CertificateObject, style: Style, now: Date): Paint {
  if (c.status === 'superseded') return style.dim;
  if (c.status !== 'valid') return style.bad;
  return isDue(c, now) ? style.warn : style.good;
}

function lifetimeOf({ notBefore, notAfter, dueAt }: CertificateObject, now: Date): Lifetime {
  return {
    notBefore: Date.parse(notBefore),
    notAfter: Date.parse(notAfter),
    due: Date.parse(dueAt),
    now: now.getTime(),
  };
}
