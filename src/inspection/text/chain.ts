import { safeText } from '../../ui/text/safe.ts';
import type { Style } from '../../ui/text/style.ts';
import { type Column, table } from '../../ui/text/table.ts';
import { descent, isTooDeep, TREE_INDENT, tree } from '../../ui/text/tree.ts';
import { textWidth, truncate } from '../../ui/text/width.ts';
import { wrap } from '../../ui/text/wrap.ts';
import type { CertificateDescription } from '../certificate-description.ts';
import type { ChainDescription } from '../chain.ts';
import { certificateLines, heading, roleText, subjectText } from './certificate.ts';
import { problemLines } from './problems.ts';
import { statusLine, statusPaint } from './validity.ts';

/** A chain as a tree from its root down, what is outside of it, and the end-entity certificate in full. */
export function chainLines(chain: ChainDescription, now: Date, style: Style): string[] {
  if (chain.path === undefined) return bundleLines(chain, style);
  const path = chain.path.map((fingerprint) => find(chain, fingerprint));
  const leaf = path[0] as CertificateDescription;
  return [
    heading(`chain of ${chain.certificates.length} certificates`, style),
    ...verdict(chain, style),
    ...problemLines(ownProblems(chain), style, 2),
    '',
    ...chainTree(chain, path, now, style),
    ...outsideLines(chain, now, style),
    '',
    ...certificateLines(leaf, now, style),
  ];
}

/** In one line whether the chain is as a server should send it. */
function verdict(chain: ChainDescription, style: Style): string[] {
  const count = chain.problems.filter(({ severity }) => severity !== 'info').length;
  if (count > 0)
    return [
      `  ${style.bad(`${count} problem${count === 1 ? '' : 's'}`)}, shown where ${count === 1 ? 'it is' : 'they are'}`,
    ];
  const end = chain.complete === true ? 'up to its root' : 'its root is not in the file';
  return [`  ${style.good('in order')}, ${end}`];
}

function chainTree(chain: ChainDescription, path: CertificateDescription[], now: Date, style: Style): string[] {
  const flat = isTooDeep(path.length + 1, style);
  const levels: string[][] = [];
  if (chain.missingIssuer !== undefined) {
    const broken = chain.problems.some(({ code }) => code === 'gap');
    const name = safeText(chain.missingIssuer === '' ? '(no name)' : chain.missingIssuer, style);
    const text = truncate(`? ${name} (not in the file)`, style.width, style);
    levels.push([broken ? style.bad(text) : style.dim(text)]);
  }
  for (const certificate of path.toReversed()) {
    const indent = flat ? 0 : (levels.length + 1) * TREE_INDENT;
    levels.push(certificateNode(chain, certificate, now, { ...style, width: style.width - indent }));
  }
  return flat ? levels.flat() : tree(descent(levels), style);
}

function certificateNode(
  chain: ChainDescription,
  certificate: CertificateDescription,
  now: Date,
  style: Style,
): string[] {
  const number = chain.certificates.indexOf(certificate) + 1;
  const tail = `  ${roleText(certificate)}, number ${number}`;
  const subject = truncate(safeText(subjectText(certificate), style), style.width - textWidth(tail), style);
  const problems = chain.problems.filter(
    // What is superfluous stands under a heading that says so.
    ({ fingerprint, code }) => fingerprint === certificate.fingerprint && code !== 'superfluous',
  );
  return [
    `${style.accent(subject)}${style.dim(tail)}`,
    statusLine(certificate, now, style),
    ...factLines(certificate, style),
    ...problemLines(problems, style),
  ];
}

/** The fingerprint is for comparing and copying: whole, on a line of its own where it must be. */
function factLines({ keyType, fingerprint }: CertificateDescription, style: Style): string[] {
  const whole = `${keyType}  sha256 ${fingerprint}`;
  const lines = textWidth(whole) <= style.width ? [whole] : [keyType, ...wrap(`sha256 ${fingerprint}`, style.width)];
  return lines.map((line) => style.dim(line));
}

function outsideLines(chain: ChainDescription, now: Date, style: Style): string[] {
  const outside = chain.certificates.filter(({ fingerprint }) => chain.superfluous?.includes(fingerprint));
  if (outside.length === 0) return [];
  const nodes = outside.map((certificate) => ({
    lines: certificateNode(chain, certificate, now, { ...style, width: style.width - TREE_INDENT }),
    children: [],
  }));
  return ['', style.warn('not part of the chain:'), ...tree(nodes, style)];
}

/** Certificates that did not issue each other, as a table. */
function bundleLines(chain: ChainDescription, style: Style): string[] {
  const columns: Column<CertificateDescription>[] = [
    { header: 'SUBJECT', cell: subjectText, min: 10, paint: (text) => style.accent(text) },
    { header: 'ROLE', cell: roleText, priority: 1 },
    { header: 'STATUS', cell: ({ status }) => status, paint: (text, { status }) => statusPaint(status, style)(text) },
    { header: 'NOT AFTER', cell: ({ notAfter }) => notAfter, min: 13 },
    { header: 'KEY', cell: ({ keyType }) => keyType, priority: 2 },
    { header: 'SHA256', cell: ({ fingerprint }) => fingerprint, min: 12, priority: 3 },
  ];
  const perCertificate = chain.certificates.flatMap((certificate) => {
    const problems = chain.problems.filter(({ fingerprint }) => fingerprint === certificate.fingerprint);
    if (problems.length === 0) return [];
    return ['', heading(subjectText(certificate), style), ...problemLines(problems, style, 2)];
  });
  return [
    heading(`${chain.certificates.length} certificates that did not issue each other`, style),
    ...problemLines(ownProblems(chain), style, 2),
    '',
    ...table(chain.certificates, columns, style),
    ...perCertificate,
  ];
}

/** Problems of the file, not of one certificate. */
function ownProblems(chain: ChainDescription): ChainDescription['problems'] {
  return chain.problems.filter(({ fingerprint }) => fingerprint === undefined);
}

function find(chain: ChainDescription, fingerprint: string): CertificateDescription {
  return chain.certificates.find((certificate) => certificate.fingerprint === fingerprint) as CertificateDescription;
}
