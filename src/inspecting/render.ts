import type { CertificateObject } from '../documents/certificate-object.ts';
import { renderList } from '../listing/render.ts';
import { lifetimeBar } from '../ui/text/bar.ts';
import { relativeTime } from '../ui/text/duration.ts';
import { keyValues } from '../ui/text/lines.ts';
import type { Style } from '../ui/text/style.ts';
import { formatDuration } from '../values/duration.ts';
import type { KeystoreDocument } from './keystore-document.ts';

const BAR = 24;

export function renderKeystore(document: KeystoreDocument, style: Style, now: Date): string {
  const { policy, certificates } = document;
  const lines = [
    style.bold(`keystore of ${document.cluster}`),
    ...keyValues(
      [
        { label: 'place', value: document.keystore },
        { label: 'id', value: document.keystoreId },
        { label: 'audit key', value: undefined, ready: document.auditKey },
        { label: 'made', value: document.createdAt },
        { label: 'log', value: `${document.records} records` },
        { label: 'head', value: undefined, ready: document.head },
        { label: 'names', value: [...policy.domains, 'localhost'].join(' ') },
        { label: 'addresses', value: policy.permitIp.join(' ') || 'none' },
        { label: 'planes', value: policy.planes.join(' ') },
        {
          label: 'node lifetime',
          value: `${formatDuration(policy.nodeLifetime)}, rotated when ${formatDuration(policy.rotateBefore)} are left`,
        },
        { label: 'slots', value: document.slots.map(({ name, domain, kind }) => `${name} (${domain}, ${kind})`) },
        { label: 'root keys', value: document.rootElsewhere ? 'kept elsewhere' : undefined },
        {
          label: 'certificates',
          value: Object.entries(certificates)
            .map(([status, n]) => `${n} ${status}`)
            .join(', '),
        },
      ],
      style,
      { indent: 2 },
    ),
  ];
  for (const { id, subject, fingerprint, notBefore, notAfter } of document.authorities) {
    const life = { notBefore: Date.parse(notBefore), notAfter: Date.parse(notAfter), now: now.getTime() };
    lines.push(
      `${style.accent(id)}  ${subject}`,
      `  ${lifetimeBar(life, style, BAR)}  ends ${relativeTime(life.notAfter, now.getTime())}`,
      `  ${style.dim(`SHA-256 ${fingerprint}`)}`,
    );
  }
  for (const { authority, number, nextUpdate } of document.crls)
    lines.push(`CRL of ${authority}: number ${number}, next update ${nextUpdate}`);
  return lines.join('\n');
}

export function renderNode(name: string, certificates: CertificateObject[], style: Style, now: Date): string {
  const lines = [style.bold(name), renderList(certificates, style, now)];
  for (const certificate of certificates.filter(({ status }) => status === 'valid'))
    lines.push(
      ...keyValues(
        [
          {
            label: certificate.plane ?? 'client',
            value: `${certificate.profile}, ${certificate.keyType}, by ${certificate.authority}`,
          },
          { label: '', value: certificate.subjectAltNames.join(' ') },
          { label: '', value: `due ${certificate.dueAt}` },
          { label: '', value: undefined, ready: `SHA-256 ${certificate.fingerprint}` },
        ],
        style,
      ),
    );
  return lines.join('\n');
}
