import { heading } from '../inspection/text/certificate.ts';
import { problemLines } from '../inspection/text/problems.ts';
import { relativeTime } from '../ui/text/duration.ts';
import { paragraph } from '../ui/text/lines.ts';
import type { Style } from '../ui/text/style.ts';
import { type Column, table } from '../ui/text/table.ts';
import type { DirectoryDocument, DirectoryEntry } from './directory-document.ts';

/** The files as a table; then what is wrong with each. */
export function renderDirectory(document: DirectoryDocument, style: Style, now: Date): string {
  const columns: Column<DirectoryEntry>[] = [
    { header: 'FILE', cell: ({ file }) => file, min: 12, paint: (text) => style.accent(text) },
    { header: 'KIND', cell: ({ kind }) => kind },
    { header: 'WHAT', cell: what, min: 12 },
    {
      header: 'ENDS',
      cell: ({ notAfter }) => (notAfter === undefined ? '' : relativeTime(Date.parse(notAfter), now.getTime())),
      priority: 1,
    },
    { header: 'KEY', cell: ({ keyType }) => keyType ?? '', priority: 2 },
  ];
  const wrong = document.files.flatMap(({ file, problems }) =>
    problems.length === 0 ? [] : ['', style.bold(file), ...problemLines(problems, style, 2)],
  );
  const rest = document.unrecognised;
  return [
    heading(document.directory, style),
    '',
    ...table(document.files, columns, style),
    ...wrong,
    ...(rest.length === 0 ? [] : ['', ...paragraph(`not understood: ${rest.join(', ')}`, style, 0, style.dim)]),
  ].join('\n');
}

function what({ kind, subject, belongsTo }: DirectoryEntry): string {
  if (kind !== 'private-key') return subject ?? '';
  if (belongsTo === undefined) return 'encrypted or unreadable';
  return belongsTo.length === 0 ? 'belongs to no file here' : `of ${belongsTo.join(', ')}`;
}
