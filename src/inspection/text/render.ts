import type { Style } from '../../ui/text/style.ts';
import type { InspectionDocument, Subject } from '../document.ts';
import { certificateLines, subjectText } from './certificate.ts';
import { chainLines } from './chain.ts';
import { containerLines } from './container.ts';
import { crlLines } from './crl.ts';
import { csrLines } from './csr.ts';
import { keyLines } from './key.ts';

/** The document as text for people, safe to print, ending in a newline. Nothing is wider than the style's width. */
export function renderInspection(document: InspectionDocument, style: Style, now: Date): string {
  const subjects: Subject[] = [document, ...(document.others ?? [])];
  const owners = new Map(subjects.flatMap(ownerNames));
  const ownerOf = (fingerprint: string): string => owners.get(fingerprint) ?? fingerprint;
  const blocks = subjects.map((subject) => subjectLines(subject, style, now, ownerOf).join('\n'));
  return `${blocks.join('\n\n')}\n`;
}

function subjectLines(subject: Subject, style: Style, now: Date, ownerOf: (fingerprint: string) => string): string[] {
  switch (subject.kind) {
    case 'certificate':
      return certificateLines(subject, now, style);
    case 'chain':
      return chainLines(subject, now, style);
    case 'csr':
      return csrLines(subject, style);
    case 'crl':
      return crlLines(subject, now, style);
    case 'private-key':
      return keyLines(subject, style, ownerOf);
    case 'pkcs7':
    case 'pkcs12':
      return containerLines(subject, style);
  }
}

function ownerNames(subject: Subject): [fingerprint: string, name: string][] {
  switch (subject.kind) {
    case 'certificate':
      return [[subject.fingerprint, `the certificate of ${subjectText(subject)}`]];
    case 'csr':
      return [[subject.fingerprint, `the request for ${subjectText(subject)}`]];
    case 'chain':
      return subject.certificates.map((certificate) => [
        certificate.fingerprint,
        `the certificate of ${subjectText(certificate)}`,
      ]);
    default:
      return [];
  }
}
