import { keyValues } from '../ui/text/lines.ts';
import type { Style } from '../ui/text/style.ts';
import type { AuditDocument } from './verify.ts';

export function renderAudit(document: AuditDocument, style: Style): string {
  const { valid, records, first, last, head, rollbackChecked } = document;
  return [
    valid ? style.good('the log is whole and signed') : style.bad('the log is not valid'),
    ...keyValues(
      [
        { label: 'records', value: String(records) },
        { label: 'first', value: first },
        { label: 'last', value: last },
        ...(head === undefined ? [] : [{ label: 'head', value: undefined, ready: head }]),
        { label: 'rollback', value: rollbackChecked ? 'checked' : 'could not be checked' },
      ],
      style,
      { indent: 2 },
    ),
  ].join('\n');
}
