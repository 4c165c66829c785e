import { type CodeRow, failureTable, findingTable, rejectionTable } from '../verification/failure-table.ts';
import { bold, fill, inline, tagged } from './roff.ts';

/** The codes that a verb's JSON has, each with its rule, what it means and what to do. */
export function codeSections(verb: string): string[] {
  if (verb !== 'verify') return [];
  return [
    '.SH FAILURES',
    ...fill(`What is wrong with a path, the most telling first: the codes of ${bold('failures')} in the JSON.`),
    ...failureTable().flatMap(row),
    '.SH CANDIDATES',
    ...fill(`With ${bold('--explain')}, why a certificate or CRL that was given is not on the path.`),
    ...rejectionTable().flatMap(row),
    '.SH FINDINGS',
    ...fill(`What ${bold('--inventory')} finds. All but those of severity info make it exit 4.`),
    ...findingTable().flatMap(row),
  ];
}

function row({ code, rule, severity, meaning, cure }: CodeRow): string[] {
  const about = [rule, severity].filter((part) => part !== undefined).join(', ');
  const text = `${about === '' ? '' : `${about}: `}${meaning}.${cure === undefined ? '' : ` To do: ${cure}.`}`;
  return tagged(bold(code), inline(text));
}
