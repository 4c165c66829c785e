import { keyValues } from '../../ui/text/lines.ts';
import type { Style } from '../../ui/text/style.ts';
import type { KeyDescription, KeyOwner } from '../key.ts';
import { heading } from './certificate.ts';
import { LABELS } from './labels.ts';
import { problemLines } from './problems.ts';

const FORMATS: Record<KeyDescription['format'], string> = {
  pkcs8: 'PKCS#8',
  'pkcs8-encrypted': 'PKCS#8, encrypted',
  'pem-encrypted': "OpenSSL's old PEM, encrypted",
  sec1: 'SEC1 (EC PRIVATE KEY)',
  pkcs1: 'PKCS#1 (RSA PRIVATE KEY)',
};

/** What is around a private key, as a block of lines. `ownerOf` names a certificate or request of the same file. */
export function keyLines(key: KeyDescription, style: Style, ownerOf: (fingerprint: string) => string): string[] {
  const { encryption, belongsTo } = key;
  const parts = encryption && [encryption.cipher, encryption.kdf, ...(encryption.cost ? [encryption.cost] : [])];
  return [
    heading(key.encrypted ? 'private key, encrypted' : 'private key', style),
    ...problemLines(key.problems, style, 2),
    ...keyValues(
      [
        { label: 'key', value: key.keyType ?? (key.encrypted ? 'hidden by the encryption' : undefined) },
        { label: 'format', value: FORMATS[key.format] },
        { label: 'encryption', value: parts?.join(', ') },
        { label: 'key sha256', value: key.spkiSha256 },
        {
          label: 'belongs to',
          value: belongsTo && (belongsTo.length === 0 ? 'nothing in this file' : belongsTo.map(ownerOf)),
          paint: belongsTo?.length === 0 ? style.bad : style.good,
        },
        {
          label: belongsTo === undefined ? 'belongs to' : 'and to',
          value: key.owners && (key.owners.length === 0 ? 'nothing that was found' : key.owners.map(ownerText)),
          paint: key.owners?.length === 0 ? style.warn : style.good,
        },
      ],
      style,
      { indent: 2, labelWidth: LABELS },
    ),
  ];
}

function ownerText({ where, file, kind, subject, fingerprint, node, plane, status }: KeyOwner): string {
  const what = `${kind === 'csr' ? 'the request for' : 'the certificate of'} ${subject === '' ? '(no name)' : subject}`;
  if (where === 'directory') return `${what} in ${file}`;
  return `${what}, issued to ${node}${plane === undefined ? '' : `/${plane}`}, ${status}, SHA-256 ${fingerprint}`;
}
