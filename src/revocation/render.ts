import type { ServiceObject } from '../deployment/document.ts';
import type { Accepting } from '../deployment/publish-crl.ts';
import { renderDeploy } from '../deployment/render.ts';
import type { CertificateObject } from '../documents/certificate-object.ts';
import { paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { table } from '../ui/text/table.ts';
import type { CrlObject } from './revoke.ts';

export interface RevokeDocument {
  revoked: (CertificateObject | { serial: string; authority: string; status: 'revoked' })[];
  crls: CrlObject[];
  /** With an inventory: what became of the services that read a CRL, and what goes on accepting what was revoked. */
  services?: ServiceObject[];
  accepting?: Accepting[];
  dryRun?: boolean;
}

/**
 * Which settings take a file of CRLs. etcd reads the first CRL of a file alone, the others want one for every level.
 * @param one the file holds the CRL of one CA
 */
export function crlTakers(style: Style, one: boolean): string[] {
  const all =
    'next: give it to the servers that check one, and reload them: ssl_crl_file (PostgreSQL), crl-file (HAProxy), ' +
    'ssl_crl (nginx)';
  const first =
    'etcd reads the first CRL of a file alone (--client-crl-file, --peer-crl-file): for it cluster-ca crl --authority ' +
    'ID --out FILE';
  const alone =
    'next: give it to etcd (--client-crl-file, --peer-crl-file); other servers want the CRLs of all CAs: cluster-ca ' +
    'crl --out FILE';
  return [...(one ? [alone] : [all, first]), 'Redis and Valkey read no CRL'].flatMap((line) => paragraph(line, style));
}

/** What was revoked, which CRL says so, and what is still open. */
export function renderRevoke(document: RevokeDocument, style: Style): string {
  const { services, accepting } = document;
  const lines = [revokedText(document, style)];
  if (services !== undefined && services.length > 0)
    lines.push(
      '',
      renderDeploy(
        { services, waves: [], ...(document.dryRun === undefined ? {} : { dryRun: document.dryRun }) },
        style,
      ),
    );
  if (accepting !== undefined && accepting.length > 0) {
    const known = accepting.map(({ node, kind, address, dir }) => `${node} (${kind} ${address ?? dir})`).join(', ');
    const open = `these read no CRL, and accept what is revoked until ${accepting[0]?.until}: ${known}`;
    lines.push('', ...paragraph(safeText(open, style), style, 0, style.warn));
  }
  return lines.join('\n');
}

function revokedText({ revoked, crls, services, dryRun }: RevokeDocument, style: Style): string {
  if (revoked.length === 0) return 'nothing to do: what it means is revoked already, or has ended';
  const rows = revoked.map((entry) =>
    'node' in entry ? entry : { ...entry, node: '(not in the log)', plane: undefined, notAfter: '' },
  );
  const lines = table(
    rows,
    [
      { header: dryRun ? 'WOULD REVOKE' : 'REVOKED', cell: (row) => row.node, min: 12, paint: style.bad },
      { header: 'PLANE', cell: (row) => row.plane ?? '-' },
      { header: 'SERIAL', cell: (row) => row.serial },
      { header: 'ENDS', cell: (row) => row.notAfter, priority: 1 },
    ],
    style,
  );
  if (dryRun) return lines.join('\n');
  for (const { authority, number, nextUpdate } of crls)
    lines.push(...paragraph(`CRL of ${authority}: number ${number}, next update ${nextUpdate}`, style));
  // With an inventory it is said of each service.
  if (services !== undefined) return lines.join('\n');
  const ends = rows
    .map((row) => row.notAfter)
    .sort()
    .at(-1);
  const open = `a server that reads no CRL (Redis, Valkey) accepts what is revoked until ${ends || 'its end'}`;
  lines.push(
    ...paragraph(open, style, 0, style.warn),
    ...paragraph('next: cluster-ca crl --out crl.pem, and give it to every server that reads one', style),
  );
  return lines.join('\n');
}
