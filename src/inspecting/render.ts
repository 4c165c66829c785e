import type { AuthorityObject } from '../authority/authority-object.ts';
import type { CertificateObject } from '../documents/certificate-object.ts';
import { renderList } from '../listing/render.ts';
import { lifetimeBar } from '../ui/text/bar.ts';
import { relativeTime } from '../ui/text/duration.ts';
import { keyValues } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { TREE_INDENT, type TreeNode, tree } from '../ui/text/tree.ts';
import { truncate } from '../ui/text/width.ts';
import { formatDuration } from '../values/duration.ts';
import type { KeystoreDocument } from './keystore-document.ts';

const BAR = 24;
const LABELS = 12;

/** A keystore: what it is and permits, then its CAs as a tree with their CRLs. */
export function renderKeystore(document: KeystoreDocument, style: Style, now: Date): string {
  const { policy, certificates } = document;
  const lines = [
    style.bold(`keystore of ${document.cluster}`),
    ...keyValues(
      [
        { label: 'place', value: document.keystore },
        { label: 'id', value: undefined, ready: document.keystoreId },
        { label: 'audit key', value: undefined, ready: document.auditKey },
        { label: 'made', value: document.createdAt },
        { label: 'log', value: `${document.records} records` },
        { label: 'head', value: undefined, ready: document.head },
        { label: 'names', value: [...policy.domains, 'localhost'].join(' ') },
        { label: 'addresses', value: policy.permitIp.join(' ') || 'none' },
        { label: 'planes', value: policy.planes.join(' ') },
        {
          label: 'lifetime',
          value: `${formatDuration(policy.nodeLifetime)}, rotated when ${formatDuration(policy.rotateBefore)} are left`,
        },
        { label: 'slots', value: document.slots.map(({ name, domain, kind }) => `${name} (${domain}, ${kind})`) },
        { label: 'root keys', value: document.rootElsewhere ? 'kept elsewhere' : undefined },
        {
          label: 'issued',
          value: Object.entries(certificates)
            .map(([status, n]) => `${n} ${status}`)
            .join(', '),
        },
      ],
      style,
      { indent: 2 },
    ),
    '',
  ];
  const node = (authority: AuthorityObject, children: TreeNode[] = []): TreeNode => ({
    lines: authorityLines(authority, document, style, now),
    children,
  });
  const roots = document.authorities.filter(({ role }) => role === 'root');
  const issuing = document.authorities.filter(({ role }) => role !== 'root');
  // One root signs all issuing CAs of its generation; where there are several, the generation tells whose they are.
  const forest = roots.map((root) =>
    node(
      root,
      issuing.filter(({ generation }) => roots.length === 1 || generation === root.generation).map((ca) => node(ca)),
    ),
  );
  return [...lines, ...tree(forest, style)].join('\n');
}

function authorityLines(
  { id, subject, fingerprint, keyType, notBefore, notAfter, status }: AuthorityObject,
  { crls }: KeystoreDocument,
  style: Style,
  now: Date,
): string[] {
  const life = { notBefore: Date.parse(notBefore), notAfter: Date.parse(notAfter), now: now.getTime() };
  const name = truncate(safeText(subject, style), style.width - TREE_INDENT - id.length - 2, style);
  const ends = `${life.notAfter < life.now ? 'ended' : 'ends'} ${relativeTime(life.notAfter, life.now)}`;
  return [
    `${style.accent(id)}  ${name}`,
    ...(status === 'destroyed' ? [style.warn('its key was destroyed: nothing is trusted by it')] : []),
    `${lifetimeBar(life, style, BAR)}  ${ends}  ${style.dim(keyType)}`,
    `SHA-256 ${fingerprint}`,
    ...crls
      .filter(({ authority }) => authority === id)
      .map(({ number, nextUpdate }) => style.dim(`CRL ${number}, next update ${nextUpdate}`)),
  ];
}

/** A node or client: its certificates as a table, then each valid one. */
export function renderNode(name: string, certificates: CertificateObject[], style: Style, now: Date): string {
  const lines = [style.bold(safeText(name, style)), ...renderList(certificates, style, now)];
  for (const certificate of certificates.filter(({ status }) => status === 'valid'))
    lines.push(
      '',
      style.bold(certificate.plane ?? certificate.kind),
      ...keyValues(
        [
          { label: 'profile', value: `${certificate.profile}, ${certificate.keyType}, by ${certificate.authority}` },
          { label: 'names', value: certificate.subjectAltNames },
          {
            label: 'due',
            value: `${certificate.dueAt}  ${relativeTime(Date.parse(certificate.dueAt), now.getTime())}`,
          },
          { label: 'serial', value: undefined, ready: certificate.serial },
          { label: 'SHA-256', value: undefined, ready: certificate.fingerprint },
        ],
        style,
        { indent: 2, labelWidth: LABELS - 2 },
      ),
    );
  return lines.join('\n');
}
