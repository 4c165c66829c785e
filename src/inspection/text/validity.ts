import { lifetimeOf } from '../../pki/validity.ts';
import { type Lifetime, lifetimeBar, percentElapsed } from '../../ui/text/bar.ts';
import { humanDuration, relativeTime } from '../../ui/text/duration.ts';
import type { Entry } from '../../ui/text/lines.ts';
import type { Paint, Style } from '../../ui/text/style.ts';
import { textWidth } from '../../ui/text/width.ts';
import { LABELS } from './labels.ts';

const WIDEST_BAR = 60;

const NARROWEST_BAR = 10;

/** Columns of a block's indent, its labels and the gap. */
const BESIDE_BAR = 2 + LABELS + 2;

/** The two ends of a lifetime, each with its distance from now, and the bar between them. */
export function validityEntries(
  labels: { start: string; end: string },
  ends: { start: string; end: string | undefined },
  now: Date,
  style: Style,
): Entry[] {
  const at = now.getTime();
  const line = (time: string): string => `${time}  ${relativeTime(Date.parse(time), at)}`;
  const entries: Entry[] = [
    { label: labels.start, value: line(ends.start) },
    { label: labels.end, value: ends.end === undefined ? undefined : line(ends.end) },
  ];
  if (ends.end === undefined || Date.parse(ends.end) < Date.parse(ends.start)) return entries;
  const life = lifetime(ends.start, ends.end, now);
  const length = humanDuration(lifetimeOf(Date.parse(ends.start), Date.parse(ends.end)));
  const text = `${percentElapsed(life)} % of ${length}`;
  const room = style.width - BESIDE_BAR;
  const columns = Math.min(WIDEST_BAR, room - 1 - text.length);
  const ready =
    columns < NARROWEST_BAR
      ? lifetimeBar(life, style, room)
      : `${lifetimeBar(life, style, columns)} ${style.dim(text)}`;
  return [...entries, { label: '', value: undefined, ready }];
}

/** A short bar and the status, in one line; the status alone where there is no room for both. */
export function statusLine(
  certificate: { status: string; notBefore: string; notAfter: string },
  now: Date,
  style: Style,
): string {
  const text = statusText(certificate, now, style);
  const columns = Math.min(24, style.width - textWidth(text) - 1);
  if (columns < NARROWEST_BAR) return text;
  return `${lifetimeBar(lifetime(certificate.notBefore, certificate.notAfter, now), style, columns)} ${text}`;
}

/** `valid, ends in 89 days`; the word comes first, the colour only supports it. */
export function statusText(
  certificate: { status: string; notBefore: string; notAfter: string },
  now: Date,
  style: Style,
): string {
  const at = now.getTime();
  switch (certificate.status) {
    case 'expired':
      return style.bad(`expired ${relativeTime(Date.parse(certificate.notAfter), at)}`);
    case 'not-yet-valid':
      return style.bad(`not valid yet, begins ${relativeTime(Date.parse(certificate.notBefore), at)}`);
    case 'revoked':
      return style.bad('revoked');
    case 'superseded':
      return `${style.warn('superseded')}, ends ${relativeTime(Date.parse(certificate.notAfter), at)}`;
    default:
      return `${style.good(certificate.status)}, ends ${relativeTime(Date.parse(certificate.notAfter), at)}`;
  }
}

/** Good or bad by a status word. */
export function statusPaint(status: string, style: Style): Paint {
  if (status === 'superseded') return style.warn;
  return status === 'valid' || status === 'current' ? style.good : style.bad;
}

function lifetime(start: string, end: string, now: Date): Lifetime {
  // notAfter is the last second that belongs to the lifetime (RFC 5280 §4.1.2.5).
  return { notBefore: Date.parse(start), notAfter: Date.parse(end) + 999, now: now.getTime() };
}
