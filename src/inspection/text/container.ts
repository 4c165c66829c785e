import { keyValues } from '../../ui/text/lines.ts';
import { safeItem } from '../../ui/text/safe.ts';
import type { Style } from '../../ui/text/style.ts';
import type { Pkcs7Description, Pkcs12Description } from '../container.ts';
import { heading } from './certificate.ts';
import { LABELS } from './labels.ts';
import { problemLines } from './problems.ts';

type Shell = ({ kind: 'pkcs7' } & Pkcs7Description) | ({ kind: 'pkcs12' } & Pkcs12Description);

/** A file that holds others: what it is and how it is protected. What is in it follows. */
export function containerLines(shell: Shell, style: Style): string[] {
  const entries =
    shell.kind === 'pkcs7'
      ? [{ label: 'holds', value: `${shell.certificateCount} certificates, ${shell.crlCount} CRLs` }]
      : [
          { label: 'opened', value: shell.opened ? 'yes' : 'no: --export-password-file PATH shows what is encrypted' },
          {
            label: 'MAC',
            value: shell.mac === undefined ? 'none' : `${shell.mac.algorithm}, ${shell.mac.cost} rounds`,
          },
          { label: 'parts', value: shell.parts.map(partText) },
          {
            label: 'names',
            value: shell.friendlyNames.length === 0 ? undefined : shell.friendlyNames.map((n) => safeItem(n, style)),
          },
        ];
  return [
    heading(shell.kind === 'pkcs7' ? 'PKCS#7 bundle' : 'PKCS#12 file', style),
    ...problemLines(shell.problems, style, 2),
    ...keyValues(entries, style, { indent: 2, labelWidth: LABELS }),
  ];
}

function partText({ encryption, contents }: Pkcs12Description['parts'][number]): string {
  if (encryption === undefined) return (contents ?? []).join(', ') || 'empty';
  const { cipher, kdf, cost } = encryption;
  return `encrypted: ${[cipher, kdf, ...(cost === undefined ? [] : [cost])].join(', ')}`;
}
