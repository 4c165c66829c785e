import { keyValues } from '../ui/text/lines.ts';
import type { Style } from '../ui/text/style.ts';
import type { ProofDocument } from './check-proof.ts';
import type { AuditDocument } from './verify.ts';

export function renderAudit(document: AuditDocument, style: Style): string {
  const { valid, records, first, last, head, root, rollbackChecked } = document;
  return [
    valid ? style.good('the log is whole and signed') : style.bad('the log is not valid'),
    ...keyValues(
      [
        { label: 'records', value: String(records) },
        { label: 'first', value: first },
        { label: 'last', value: last },
        ...(head === undefined ? [] : [{ label: 'head', value: undefined, ready: head }]),
        ...(root === undefined ? [] : [{ label: 'tree', value: undefined, ready: root }]),
        { label: 'rollback', value: rollbackChecked ? 'checked' : 'could not be checked' },
      ],
      style,
      { indent: 2 },
    ),
  ].join('\n');
}

export function renderProof(
  { valid, log, records, record, time, serial, fingerprint }: ProofDocument,
  style: Style,
): string {
  return [
    valid ? style.good('the certificate is in the log') : style.bad('the proof does not hold'),
    ...keyValues(
      [
        { label: 'log', value: log },
        { label: 'records', value: records === undefined ? undefined : String(records) },
        { label: 'record', value: record === undefined ? undefined : String(record) },
        { label: 'time', value: time },
        { label: 'serial', value: serial },
        { label: 'fingerprint', value: fingerprint },
      ],
      style,
      { indent: 2 },
    ),
  ].join('\n');
}
