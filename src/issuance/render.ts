import type { CertificateObject } from '../documents/certificate-object.ts';
import type { Style } from '../ui/text/style.ts';
import { table } from '../ui/text/table.ts';
import type { IssueResult, WrittenFiles } from './issue.ts';
import type { IssuePlan } from './run.ts';

type Row = Partial<CertificateObject> & { what: string; where: string };

/** What was issued, left alone and failed, and what to do next. */
export function renderIssue(result: IssueResult | IssuePlan, style: Style, next: string): string {
  const planned = 'dryRun' in result;
  const rows: Row[] = [
    ...result.certificates.map((c) => ({ ...c, what: planned ? 'would issue' : 'issued', where: filesOf(c) })),
    ...result.unchanged.map((c) => ({ ...c, what: whyText[c.why], where: filesOf(c) })),
  ];
  const lines: string[] = [];
  if (rows.length > 0)
    lines.push(
      ...table(
        rows,
        [
          { header: 'NODE', cell: (row) => row.node ?? '', min: 12 },
          { header: 'PLANE', cell: (row) => row.plane ?? '-' },
          {
            header: 'RESULT',
            cell: (row) => row.what,
            paint: (text, row) => (row.what === 'issued' ? style.good(text) : text),
          },
          { header: 'SERIAL', cell: (row) => row.serial ?? '', min: 10, priority: 2 },
          { header: 'UNTIL', cell: (row) => row.notAfter ?? '', priority: 1 },
          { header: 'FILES', cell: (row) => row.where, min: 12, priority: 3 },
        ],
        style,
      ),
    );
  for (const { node, plane, error } of result.failed)
    lines.push(`${style.bad('failed')} ${node}${plane === undefined ? '' : `/${plane}`}: ${error.message}`);
  if (result.certificates.length + result.unchanged.length + result.failed.length === 0) lines.push('nothing to do');
  else if (result.certificates.length > 0 && !planned) lines.push(`next: ${next}`);
  return lines.join('\n');
}

const whyText: Record<IssueResult['unchanged'][number]['why'], string> = {
  current: 'unchanged',
  finished: 'files finished',
  revoked: 'left out: revoked',
  'same-request': 'unchanged',
};

function filesOf(certificate: { files?: WrittenFiles } | Partial<CertificateObject>): string {
  return 'files' in certificate ? (certificate.files?.certificate.replace(/\/cert\.pem$/, '/') ?? '') : '';
}
