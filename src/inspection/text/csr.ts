import { keyValues } from '../../ui/text/lines.ts';
import { safeItem } from '../../ui/text/safe.ts';
import type { Style } from '../../ui/text/style.ts';
import type { CsrDescription } from '../csr.ts';
import { heading, subjectText } from './certificate.ts';
import { extensionEntries } from './extensions.ts';
import { LABELS } from './labels.ts';
import { problemLines } from './problems.ts';

/** A certification request as a block of lines. */
export function csrLines(csr: CsrDescription, style: Style): string[] {
  const names = csr.subjectAltNames.map((name) => safeItem(name, style));
  const proof = csr.signatureValid ? 'valid: its own key signed it' : 'invalid: its own key did not sign it';
  return [
    heading(`certificate request for ${subjectText(csr)}`, style),
    ...problemLines(csr.problems, style, 2),
    ...keyValues(
      [
        { label: 'signature', value: proof, paint: csr.signatureValid ? style.good : style.bad },
        { label: 'algorithm', value: csr.signatureAlgorithm },
        { label: 'subject', value: csr.subject === '' ? '(empty)' : csr.subject },
        { label: 'names', value: names.length === 0 ? '(none: issue gives the default)' : names },
        { label: 'key', value: csr.keyType },
        { label: 'key sha256', value: csr.spkiSha256 },
        { label: 'fingerprint', value: csr.fingerprint },
        ...extensionEntries(csr, style),
      ],
      style,
      { indent: 2, labelWidth: LABELS },
    ),
  ];
}
