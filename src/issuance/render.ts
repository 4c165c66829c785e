import { dirname, join } from 'node:path';
import type { CertificateObject } from '../documents/certificate-object.ts';
import { type KeyReaders, keyReaders } from '../placement/key-readers.ts';
import { paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { table } from '../ui/text/table.ts';
import type { IssueResult, WrittenFiles } from './result.ts';
import type { IssuePlan } from './run.ts';
import { serverFiles } from './server-files.ts';

type Row = Partial<CertificateObject> & { what: string };
type Written = IssueResult['certificates'][number] & { files: WrittenFiles };

/** Rows of the table before it is cut: beyond it only failures, and how many there were of each. */
const LONGEST = 50;

/**
 * What was issued, left alone and failed; where the files are and where each goes; what to do next.
 * @param deployed nothing: the same run put them where they belong
 */
export function renderIssue(result: IssueResult | IssuePlan, style: Style, deployed = false): string {
  const planned = 'dryRun' in result;
  const rows: Row[] = [
    ...result.certificates.map((c) => ({ ...c, what: planned ? 'would issue' : 'issued' })),
    ...result.unchanged.map((c) => ({ ...c, what: whyText[c.why] })),
  ];
  const lines: string[] = [];
  if (rows.length > 0) lines.push(...certificateTable(rows.slice(0, LONGEST), style));
  if (rows.length > LONGEST)
    lines.push(...paragraph(`and ${rows.length - LONGEST} more, ${inAll(rows)}; --json names each`, style));
  for (const { node, plane, error } of result.failed)
    lines.push(
      `${style.bad('failed')}  ${style.bold(safeText(`${node}${plane === undefined ? '' : `/${plane}`}`, style))}`,
      ...paragraph(error.message, style, 8),
      ...(error.hint === undefined ? [] : paragraph(error.hint, style, 8, style.dim)),
    );
  if (rows.length + result.failed.length === 0) lines.push('nothing to do');
  const written = planned ? [] : result.certificates.filter((c): c is Written => 'files' in c && c.files !== undefined);
  lines.push(...placeLines(written, style));
  if (result.certificates.length > 0 && !planned && !deployed)
    lines.push(...paragraph(`next: ${nextStep(result.certificates)}`, style));
  return lines.join('\n');
}

/** `5000 issued and 12 unchanged in all`. */
function inAll(rows: readonly Row[]): string {
  const kinds = [...new Set(rows.map(({ what }) => what))];
  return `${kinds.map((kind) => `${rows.filter(({ what }) => what === kind).length} ${kind}`).join(' and ')} in all`;
}

function certificateTable(rows: readonly Row[], style: Style): string[] {
  return table(
    rows,
    [
      { header: 'NAME', cell: (row) => `${row.kind === 'client' ? 'client ' : ''}${row.node ?? ''}`, min: 12 },
      { header: 'PLANE', cell: (row) => row.plane ?? '-' },
      {
        header: 'RESULT',
        cell: (row) => row.what,
        paint: (text, row) => (row.what === 'issued' ? style.good(text) : text),
      },
      { header: 'UNTIL', cell: (row) => row.notAfter ?? '', priority: 1 },
      { header: 'SERIAL', cell: (row) => row.serial ?? '', priority: 2 },
    ],
    style,
  );
}

/** Where the files are, which setting of which server takes them, and who can read the key. */
function placeLines(written: readonly Written[], style: Style): string[] {
  const [first] = written;
  if (first === undefined) return [];
  const places = placesOf(written);
  const lines = ['', style.bold('the files, and the settings that take them')];
  for (const place of places) lines.push(`  ${safeText(place, style)}`);
  const planes = new Set(written.map(({ kind, plane }) => (kind === 'client' ? 'client' : (plane ?? ''))));
  lines.push(...serverFiles(planes, { ...style, width: style.width - 2 }).map((line) => `  ${line}`));
  const withKey = written.find(({ files }) => files.key !== undefined);
  const access = withKey?.files.key === undefined ? undefined : keyReaders(withKey.files.key);
  if (access !== undefined) lines.push(...paragraph(accessText(access), style, 0, style.warn));
  return lines;
}

/** Nodes serve what they are given once they read it; a client is somebody else's process. */
function nextStep(certificates: readonly { kind?: string }[]): string {
  const clients = certificates.every(({ kind }) => kind === 'client');
  const use = clients ? 'point the client at them' : 'start the servers with these files, or reload those that run';
  return `${use}; cluster-ca status says when new ones are due`;
}

/** The directories of the files, with NAME, NODE and PLANE for what differs between them. */
function placesOf(written: readonly Written[]): string[] {
  const one = (values: (string | undefined)[], otherwise: string): string =>
    new Set(values).size === 1 ? (values[0] ?? otherwise) : otherwise;
  const places = [];
  for (const kind of ['node', 'client'] as const) {
    const ofKind = written.filter((certificate) => certificate.kind === kind);
    const [first] = ofKind;
    if (first === undefined) continue;
    const out = dirname(dirname(dirname(first.files.certificate)));
    const names = ofKind.map(({ node }) => node);
    const planes = ofKind.map(({ plane }) => plane);
    places.push(
      kind === 'client'
        ? join(out, 'clients', one(names, 'NAME'), '/')
        : join(out, one(names, 'NODE'), one(planes, 'PLANE'), '/'),
    );
  }
  return places;
}

function accessText({ owner, group, mode, closed }: KeyReaders): string {
  if (closed !== undefined) return `only root can read the key: its owner ${owner} cannot enter ${closed}`;
  if (group !== undefined) return `${owner} and the group ${group} can read the key (${mode}), nobody else`;
  const other = owner === 'root' ? '; for a server of another user: --owner USER:GROUP, such as redis:redis' : '';
  return `only ${owner} can read the key (${mode})${other}`;
}

const whyText: Record<IssueResult['unchanged'][number]['why'], string> = {
  current: 'unchanged',
  finished: 'files finished',
  revoked: 'left out: revoked',
  'same-request': 'unchanged',
};
