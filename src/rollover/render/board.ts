import { relativeTime } from '../../ui/text/duration.ts';
import { keyValues, paragraph } from '../../ui/text/lines.ts';
import { safeText } from '../../ui/text/safe.ts';
import type { Paint, Style } from '../../ui/text/style.ts';
import { type Column, table } from '../../ui/text/table.ts';
import type { Side } from '../phase.ts';
import type { BoardBlocker, BoardDocument, BoardRoot, BoardService } from '../planning/board.ts';
import { track } from './track.ts';

/** Blockers that are told in full; the rest are counted. */
const TOLD = 12;

/** A service, its two roles in one row where the same holds of both. */
interface Row extends Omit<BoardService, 'role'> {
  role: string;
}

/**
 * The board: the phases with where it stands, the two roots, a table of what each service trusts and shows and how that
 * is known, then who blocks and what to do, then what comes next.
 */
export function renderBoard(document: BoardDocument, style: Style, now: number): string {
  const { services, blockers, next } = document;
  const lines = [track(document, style), '', ...heading(document, style, now)];
  if (services.length > 0) lines.push('', ...table(rowsOf(services), columns(document, style, now), style));
  lines.push(...checkingNobody(services, style));
  lines.push(...byFile(services, style));
  lines.push('', ...blocking(document, style));
  const told = inBothRoles(blockers);
  for (const blocker of told.slice(0, TOLD)) lines.push(...blockerLines(blocker, style));
  if (told.length > TOLD) lines.push(`  and ${told.length - TOLD} more: --json has them all`);
  lines.push('', ...paragraph(`next: ${next}`, style));
  return lines.join('\n');
}

function heading(document: BoardDocument, style: Style, now: number): string[] {
  const { old, new: fresh, trust, issuer, since, services, excluded, phase } = document;
  const wanted = phase === 'stable' ? undefined : `${trust.join(' and ')} trusted, certificates of the ${issuer} root`;
  return keyValues(
    [
      { label: 'old root', value: rootText(old) },
      { label: 'new root', value: rootText(fresh) },
      { label: 'wanted', value: wanted },
      { label: 'since', value: since === undefined ? undefined : `${since} (${relativeTime(Date.parse(since), now)})` },
      { label: 'proofs', value: oldest(services, now) },
      { label: 'left out', value: excluded?.join(', '), paint: style.warn },
    ],
    style,
  );
}

/** How old the proofs are: where room is short, the table leaves their ages out. */
function oldest(services: readonly BoardService[], now: number): string | undefined {
  const times = services.flatMap(({ provenBy, provenAt }) =>
    provenBy === undefined || provenAt === undefined ? [] : [Date.parse(provenAt)],
  );
  return times.length === 0 ? undefined : `the oldest from ${relativeTime(Math.min(...times), now)}`;
}

function rootText(root: BoardRoot | undefined): string | undefined {
  return root && `${root.subject}, until ${root.notAfter.slice(0, 10)}, ${root.fingerprint.slice(0, 16)}`;
}

function columns(document: BoardDocument, style: Style, now: number): Column<Row>[] {
  return [
    {
      header: 'NODE',
      cell: ({ node, kind }) => (kind === 'client' ? `client ${node}` : node),
      min: 6,
      paint: style.accent,
    },
    { header: 'PLANE', cell: ({ plane }) => plane ?? '-', priority: 3 },
    { header: 'SERVICE', cell: ({ service }) => service ?? '-', min: 21 },
    { header: 'ROLE', cell: ({ role }) => role },
    { header: 'TRUSTS', cell: trusted, paint: (text, row) => meaning(row, document.trust, style)(text) },
    {
      header: 'SHOWS',
      cell: ({ serves }) => serves ?? '?',
      paint: (text, { serves }) => (serves === document.issuer ? style.good : style.warn)(text),
    },
    {
      header: 'KNOWN BY',
      cell: (row) => knownBy(row, now),
      min: 10,
      priority: 1,
      paint: (text, { provenBy }) =>
        (provenBy === undefined ? style.bad : provenBy === 'handshake' ? style.good : style.warn)(text),
    },
  ];
}

/** `old, new`; what is not known has a question mark. */
function trusted({ trustsOld, trustsNew, checksNone }: Row): string {
  if (checksNone) return 'anybody';
  if (trustsOld === undefined && trustsNew === undefined) return '?';
  const side = (name: Side, trusts: boolean | undefined) =>
    trusts === undefined ? [`${name}?`] : trusts ? [name] : [];
  return [...side('old', trustsOld), ...side('new', trustsNew)].join(', ') || 'neither';
}

/** Good is what the phase wants, bad where a trust that is wanted lacks; what is still there, or not known, is to be done. */
function meaning({ trustsOld, trustsNew, checksNone }: Row, wanted: readonly Side[], style: Style): Paint {
  if (checksNone) return style.warn;
  const sides = [
    { trusts: trustsOld, want: wanted.includes('old') },
    { trusts: trustsNew, want: wanted.includes('new') },
  ];
  if (sides.some(({ trusts, want }) => want && trusts === false)) return style.bad;
  return sides.every(({ trusts, want }) => trusts === want) ? style.good : style.warn;
}

function knownBy({ provenBy, provenAt, error }: Row, now: number): string {
  if (provenBy === undefined) return error === undefined ? 'nothing yet' : 'no answer';
  return provenAt === undefined ? provenBy : `${provenBy}, ${relativeTime(Date.parse(provenAt), now)}`;
}

/** Who has no trust to prove, in words. */
function checkingNobody(services: readonly BoardService[], style: Style): string[] {
  const those = services.filter(({ checksNone }) => checksNone).map(({ node, service }) => `${node}, ${service}`);
  if (those.length === 0) return [];
  const named = those.slice(0, TOLD).join('; ') + (those.length > TOLD ? ` and ${those.length - TOLD} more` : '');
  const what = those.length === 1 ? 'checks no client certificate' : 'check no client certificate';
  return ['', ...paragraph(`${named} ${what}: in the role accept there is no trust to prove`, style, 0, style.warn)];
}

/** Who could not be made to connect to us, and why: one line for all of whom the same is said. */
function byFile(services: readonly BoardService[], style: Style): string[] {
  const told = new Map<string, string[]>();
  for (const { node, service, provenBy, how } of services)
    if (provenBy === 'file' && how !== undefined) told.set(how, [...(told.get(how) ?? []), `${node}, ${service}`]);
  return [...told].slice(0, TOLD).flatMap(([how, those]) => {
    const named = those.slice(0, TOLD).join('; ') + (those.length > TOLD ? ` and ${those.length - TOLD} more` : '');
    return ['', ...paragraph(`${named} (connect): known by its file: ${safeText(how, style)}`, style, 0, style.warn)];
  });
}

function rowsOf(services: readonly BoardService[]): Row[] {
  const rows: Row[] = [];
  for (const service of services) {
    const before = rows.at(-1);
    if (before !== undefined && same(before, service)) before.role = 'both';
    else rows.push({ ...service });
  }
  return rows;
}

function same(a: Row, b: BoardService): boolean {
  const { role: _, provenAt: __, how: ___, ...left } = a;
  const { role: ____, provenAt: _____, how: ______, ...right } = b;
  return a.role !== b.role && JSON.stringify(left) === JSON.stringify(right);
}

function blocking({ blocking: names, blockers, phase }: BoardDocument, style: Style): string[] {
  if (phase === 'stable' || phase === 'done')
    return [style.good(phase === 'done' ? 'the rollover is done' : 'no rollover is in progress')];
  if (blockers.length === 0) return [style.good('nobody blocks the next step')];
  const who =
    names.length === 0
      ? 'the next step is blocked'
      : `${names.length} ${names.length === 1 ? 'blocks' : 'block'} the next step: ${names.join(', ')}`;
  return paragraph(who, style, 0, style.bad);
}

/** What holds of a service in both its roles is told once. */
function inBothRoles(blockers: readonly BoardBlocker[]): BoardBlocker[] {
  const told = new Map<string, BoardBlocker>();
  for (const blocker of blockers) {
    const { role, reason, ...rest } = blocker;
    const [neither, both] = [reason.replace(`(${role})`, ''), reason.replace(`(${role})`, '(accept and connect)')];
    const key = JSON.stringify({ ...rest, neither });
    told.set(key, told.has(key) ? { ...blocker, reason: both } : blocker);
  }
  return [...told.values()];
}

function blockerLines({ guard, reason, hint }: BoardBlocker, style: Style): string[] {
  const mark = style.unicode ? '✘' : 'x';
  const [first = '', ...more] = paragraph(`${reason} (${guard})`, style, 4, style.bad);
  return [
    `  ${style.bad(mark)} ${first.trimStart()}`,
    ...more,
    ...paragraph(`hint: ${safeText(hint, style)}`, style, 4, style.accent),
  ];
}
