import { type Entry, keyValues } from '../../ui/text/lines.ts';
import { safeItem, safeText } from '../../ui/text/safe.ts';
import { plainStyle, type Style } from '../../ui/text/style.ts';
import { truncate } from '../../ui/text/width.ts';
import type { CertificateDescription } from '../certificate-description.ts';
import { extensionEntries } from './extensions.ts';
import { LABELS } from './labels.ts';
import { problemLines } from './problems.ts';
import { statusPaint, statusText, validityEntries } from './validity.ts';

const ROLES = { root: 'root CA', issuing: 'issuing CA', 'end-entity': 'end-entity' } as const;

/** A certificate as a block of lines under its title, the problems first. */
export function certificateLines(
  certificate: CertificateDescription,
  now: Date,
  style: Style,
  title = 'certificate',
): string[] {
  return [
    heading(`${title} of ${subjectText(certificate)}`, style),
    ...problemLines(certificate.problems, style, 2),
    ...keyValues(certificateEntries(certificate, now, style), style, { indent: 2, labelWidth: LABELS }),
  ];
}

/** A title in one line, raw text in. */
export function heading(text: string, style: Style): string {
  return style.bold(truncate(safeText(text, style), style.width, style));
}

/** The subject, or the first name where the subject is empty. */
export function subjectText({
  subject,
  subjectAltNames,
}: Pick<CertificateDescription, 'subject' | 'subjectAltNames'>): string {
  return subject === '' ? (subjectAltNames[0] ?? '(no name)') : subject;
}

export function roleText({ role }: Pick<CertificateDescription, 'role'>): string {
  return ROLES[role];
}

function certificateEntries(certificate: CertificateDescription, now: Date, style: Style): Entry[] {
  const { notBefore, notAfter, node, plane, authority, dueAt, revokedAt, revocationReason } = certificate;
  const names = certificate.subjectAltNames.map((name) => safeItem(name, style));
  return [
    {
      label: 'status',
      value: statusText(certificate, now, plainStyle),
      paint: statusPaint(certificate.status, style),
    },
    {
      label: 'revoked',
      value: revokedAt === undefined ? undefined : `${revokedAt}, ${revocationReason ?? 'unspecified'}`,
      paint: style.bad,
    },
    ...validityEntries({ start: 'not before', end: 'not after' }, { start: notBefore, end: notAfter }, now, style),
    { label: 'subject', value: certificate.subject === '' ? '(empty)' : certificate.subject },
    { label: 'names', value: names.length === 0 ? undefined : names },
    { label: 'issuer', value: certificate.selfSigned ? 'itself (self-signed)' : certificate.issuer },
    { label: 'role', value: roleText(certificate) },
    { label: 'node', value: node },
    { label: 'plane', value: plane },
    { label: 'issued by', value: authority },
    { label: 'due', value: dueAt },
    { label: 'serial', value: certificate.serial },
    { label: 'fingerprint', value: certificate.fingerprint },
    { label: 'key', value: certificate.keyType },
    { label: 'key sha256', value: certificate.spkiSha256 },
    { label: 'signature', value: certificate.signatureAlgorithm },
    { label: 'version', value: certificate.version === 3 ? undefined : String(certificate.version) },
    ...extensionEntries(certificate, style),
  ];
}
