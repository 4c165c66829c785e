import { dirname, join } from 'node:path';
import type { CertificateObject } from '../documents/certificate-object.ts';
import { type KeyReaders, keyReaders } from '../placement/key-readers.ts';
import { paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { table } from '../ui/text/table.ts';
import type { IssueResult, MadeEntry, UnchangedEntry, WrittenFiles } from './result.ts';
import type { IssuePlan } from './run.ts';
import { serverFiles } from './server-files.ts';

type Row = Partial<CertificateObject> & { what: string };
type Written = MadeEntry & { files: WrittenFiles };

/** Rows of the table before it is cut: beyond it only failures, and how many there were of each. */
const LONGEST = 50;

/**
 * What was issued, left alone and failed; where the files are and where each goes; what to do next.
 * @param deployed nothing: the same run put them where they belong
 */
export function renderIssue(result: IssueResult | IssuePlan, style: Style, deployed = false): string {
  const planned = 'dryRun' in result;
  const { rows, counts } = firstRows(result, planned ? 'would issue' : 'issued');
  const more = result.certificates.length + result.unchanged.length - rows.length;
  const lines: string[] = [];
  if (rows.length > 0) lines.push(...certificateTable(rows, style));
  if (more > 0) lines.push(...paragraph(`and ${more} more, ${inAll(counts)}; --json names each`, style));
  for (const { node, plane, error } of result.failed)
    lines.push(
      `${style.bad('failed')}  ${style.bold(safeText(`${node}${plane === undefined ? '' : `/${plane}`}`, style))}`,
      ...paragraph(error.message, style, 8),
      ...(error.hint === undefined ? [] : paragraph(error.hint, style, 8, style.dim)),
    );
  if (rows.length + result.failed.length === 0) lines.push('nothing to do');
  if (!planned) {
    const made = new Made(result.certificates);
    lines.push(...placeLines(made, style));
    if (result.certificates.length > 0 && !deployed) lines.push(...paragraph(`next: ${nextStep(made.kinds)}`, style));
  }
  return lines.join('\n');
}

/** The rows of the table, as far as it goes, and how many there are of each sort in all. */
function firstRows(result: IssueResult | IssuePlan, made: string): { rows: Row[]; counts: Map<string, number> } {
  const rows: Row[] = [];
  const counts = new Map<string, number>();
  const add = (row: Row): void => {
    counts.set(row.what, (counts.get(row.what) ?? 0) + 1);
    if (rows.length < LONGEST) rows.push(row);
  };
  for (const certificate of result.certificates) add({ ...certificate, what: made });
  for (const certificate of result.unchanged) add({ ...certificate, what: whyText[certificate.why] });
  return { rows, counts };
}

/** `5000 issued and 12 unchanged in all`. */
function inAll(counts: ReadonlyMap<string, number>): string {
  return `${[...counts].map(([what, count]) => `${count} ${what}`).join(' and ')} in all`;
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

/** What certificates that were made, however many, have in common. */
class Made {
  /** `node`, `client`, and `user` for who has a role at the daemon. */
  readonly kinds = new Set<string>();
  /** The planes of those whose files were written; a client's is `client`, a user's `user`. */
  readonly planes = new Set<string>();
  /** Of each kind the first whose files were written, and the names and planes of them all. */
  readonly written = new Map<string, { first: Written; names: Set<string>; planes: Set<string> }>();
  /** A key that was written. */
  key: string | undefined;

  constructor(certificates: Iterable<MadeEntry>) {
    for (const certificate of certificates) {
      this.kinds.add(kindOf(certificate));
      if (certificate.files !== undefined) this.#add({ ...certificate, files: certificate.files });
    }
  }

  #add(certificate: Written): void {
    const { kind, node, plane = '', files } = certificate;
    this.planes.add(kind === 'client' ? kindOf(certificate) : plane);
    this.key ??= files.key;
    const known = this.written.get(kind);
    if (known === undefined)
      this.written.set(kind, { first: certificate, names: new Set([node]), planes: new Set([plane]) });
    else {
      known.names.add(node);
      known.planes.add(plane);
    }
  }
}

/** Where the files are, which setting of which server takes them, and who can read the key. */
function placeLines(made: Made, style: Style): string[] {
  if (made.written.size === 0) return [];
  const lines = ['', style.bold('the files, and the settings that take them')];
  for (const place of placesOf(made)) lines.push(`  ${safeText(place, style)}`);
  lines.push(...serverFiles(made.planes, { ...style, width: style.width - 2 }).map((line) => `  ${line}`));
  const access = made.key === undefined ? undefined : keyReaders(made.key);
  if (access !== undefined) lines.push(...paragraph(accessText(access, made.kinds), style, 0, style.warn));
  return lines;
}

/** A person with a role at the daemon is a client, too: the role is in the URI. */
function kindOf({ kind, subjectAltNames }: MadeEntry): string {
  const isUser = subjectAltNames.some((name) => /^URI:spiffe:\/\/[^/]+\/role\//.test(name));
  return isUser ? 'user' : kind;
}

/** Nodes serve what they are given once they read it; a client is somebody else's process, and a user a person. */
function nextStep(kinds: ReadonlySet<string>): string {
  const use = kinds.has('node')
    ? 'start the servers with these files, or reload those that run'
    : kinds.has('client')
      ? 'point the client at them'
      : 'hand them over; a browser takes what cluster-ca export NAME --format p12 --from DIR --out FILE makes of them';
  return `${use}; cluster-ca status says when new ones are due`;
}

/** The directories of the files, with NAME, NODE and PLANE for what differs between them. */
function placesOf({ written }: Made): string[] {
  const one = (values: Set<string>, otherwise: string): string =>
    values.size === 1 ? ([...values][0] as string) : otherwise;
  const places = [];
  for (const kind of ['node', 'client'] as const) {
    const ofKind = written.get(kind);
    if (ofKind === undefined) continue;
    const out = dirname(dirname(dirname(ofKind.first.files.certificate)));
    places.push(
      kind === 'client'
        ? join(out, 'clients', one(ofKind.names, 'NAME'), '/')
        : join(out, one(ofKind.names, 'NODE'), one(ofKind.planes, 'PLANE'), '/'),
    );
  }
  return places;
}

function accessText({ owner, group, mode, closed }: KeyReaders, kinds: ReadonlySet<string>): string {
  if (closed !== undefined) return `only root can read the key: its owner ${owner} cannot enter ${closed}`;
  if (group !== undefined) return `${owner} and the group ${group} can read the key (${mode}), nobody else`;
  const whose = kinds.has('node') || kinds.has('client') ? 'a server of another user' : 'somebody else';
  const example = whose === 'somebody else' ? '' : ', such as redis:redis';
  const other = owner === 'root' ? `; for ${whose}: --owner USER:GROUP${example}` : '';
  return `only ${owner} can read the key (${mode})${other}`;
}

const whyText: Record<UnchangedEntry['why'], string> = {
  current: 'unchanged',
  finished: 'files finished',
  revoked: 'left out: revoked',
  'same-request': 'unchanged',
};
