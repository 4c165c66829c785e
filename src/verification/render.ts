import { paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { descent, isTooDeep, tree } from '../ui/text/tree.ts';
import { explainLines } from './explain.ts';
import { holderText } from './verdict-error.ts';
import type { VerifyResult } from './verify-what.ts';

/** The verdict, the path as a tree from the anchor down, what failed by which rule, and what to do. */
export function renderVerify(document: VerifyResult, style: Style): string {
  const lines: string[] = [document.valid ? style.good('valid') : style.bad('invalid')];
  for (const { node, plane, valid } of document.certificates ?? [])
    lines.push(
      `  ${valid ? style.good('valid  ') : style.bad('invalid')} ${safeText(holderText({ node, plane }), style)}`,
    );
  const levels = document.path
    .toReversed()
    .map(({ subject, fingerprint }) => [safeText(subject, style), style.dim(`SHA-256 ${fingerprint}`)]);
  // A path too deep for a tree is a list from its anchor down.
  const flat = isTooDeep(levels.length, style);
  lines.push(...(flat ? levels.flat() : tree(descent(levels), style)));
  for (const failure of document.failures) {
    const whose = failure.node === undefined ? '' : `${safeText(holderText(failure), style)}  `;
    lines.push(
      `${style.bad(failure.code)}  ${whose}${safeText(failure.subject, style)}  ${style.dim(`(${safeText(failure.rule, style)})`)}`,
    );
    lines.push(...paragraph(failure.message, style, 2), ...paragraph(`hint: ${failure.hint}`, style, 2, style.accent));
  }
  if (document.endpoint !== undefined) lines.push(...endpointLines(document.endpoint, style));
  for (const note of document.notes) lines.push(...paragraph(`note: ${note}`, style, 0, style.dim));
  if (document.certificates === undefined) lines.push(...explainLines(document, style));
  for (const { node, plane, ...own } of document.certificates ?? [])
    if (own.attempts !== undefined)
      lines.push('', style.bold(safeText(holderText({ node, plane }), style)), ...explainLines(own, style));
  return lines.join('\n');
}

function endpointLines({ address, protocol, cipher }: NonNullable<VerifyResult['endpoint']>, style: Style): string[] {
  return paragraph(`served at ${address} by ${protocol}, ${cipher}`, style);
}
