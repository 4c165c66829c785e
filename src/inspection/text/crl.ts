import { type Entry, keyValues } from '../../ui/text/lines.ts';
import type { Style } from '../../ui/text/style.ts';
import { type Column, table } from '../../ui/text/table.ts';
import type { CrlDescription } from '../crl.ts';
import type { RevokedCertificate } from '../crl-entry.ts';
import { heading } from './certificate.ts';
import { others } from './extensions.ts';
import { LABELS } from './labels.ts';
import { problemLines } from './problems.ts';
import { statusPaint, validityEntries } from './validity.ts';

/** Entries that the text shows; `--json` has all of them. */
const SHOWN = 20;

const SIGNATURES = {
  valid: 'made by the issuer in this file',
  invalid: 'not made by the issuer in this file',
  'not-checked': 'not checked: its issuer is not in this file',
} as const;

/** A CRL as a block of lines, with a table of its first entries. */
export function crlLines(crl: CrlDescription, now: Date, style: Style): string[] {
  const rows = crl.revoked.slice(0, SHOWN);
  const more = crl.revokedCount - rows.length;
  return [
    heading(`CRL of ${crl.issuer === '' ? '(no name)' : crl.issuer}`, style),
    ...problemLines(crl.problems, style, 2),
    ...keyValues(entries(crl, now, style), style, { indent: 2, labelWidth: LABELS }),
    ...(rows.length === 0 ? [] : ['', ...revokedTable(rows, style)]),
    ...(more > 0 && rows.length > 0 ? [style.dim(`and ${more} more: --json lists them`)] : []),
  ];
}

function entries(crl: CrlDescription, now: Date, style: Style): Entry[] {
  const { thisUpdate, nextUpdate } = crl;
  const reasons = Object.entries(crl.reasons).map(([reason, count]) => `${count} ${reason}`);
  const scope = crl.issuingDistributionPoint;
  const word = { current: 'current', expired: 'expired', 'not-yet-valid': 'not valid yet' }[crl.status];
  const paint = { valid: style.good, invalid: style.bad, 'not-checked': style.dim }[crl.signature];
  return [
    { label: 'status', value: word, paint: statusPaint(crl.status, style) },
    ...validityEntries(
      { start: 'this update', end: 'next update' },
      { start: thisUpdate, end: nextUpdate },
      now,
      style,
    ),
    { label: 'issuer', value: crl.issuer === '' ? '(empty)' : crl.issuer },
    { label: 'number', value: crl.number },
    { label: 'adds to', value: crl.deltaOf && `CRL number ${crl.deltaOf} (a delta CRL)` },
    { label: 'revoked', value: crl.revokedCount === 0 ? 'none' : `${crl.revokedCount} (${reasons.join(', ')})` },
    { label: 'signature', value: SIGNATURES[crl.signature], paint },
    { label: 'algorithm', value: crl.signatureAlgorithm },
    { label: 'scope', value: scope?.scope.length ? scope.scope.join(', ') : undefined },
    { label: 'published at', value: scope?.names.length ? scope.names : undefined },
    { label: 'issuer key', value: crl.authorityKeyIdentifier },
    { label: 'fingerprint', value: crl.fingerprint },
    { label: 'other', value: others(crl.extensions.filter(({ name }) => name === undefined)) },
  ];
}

function revokedTable(rows: readonly RevokedCertificate[], style: Style): string[] {
  const columns: Column<RevokedCertificate>[] = [
    { header: 'SERIAL', cell: ({ serial }) => serial, min: 16 },
    { header: 'REVOKED AT', cell: ({ revokedAt }) => revokedAt, priority: 1 },
    { header: 'REASON', cell: ({ revocationReason }) => revocationReason ?? 'unspecified' },
  ];
  if (rows.some(({ invalidityDate }) => invalidityDate !== undefined))
    columns.push({ header: 'INVALID SINCE', cell: ({ invalidityDate }) => invalidityDate ?? '', priority: 2 });
  return table(rows, columns, { ...style, width: style.width - 2 }).map((line) => `  ${line}`);
}
