import { sha256 } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { certificateFields } from '../inspection/certificate-object.ts';
import type { IssueItem } from '../issuance/item.ts';
import { type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { certificatesOf, issueCommandFor, readHolder } from '../what/holder.ts';

export interface RotationScope {
  names: string[];
  /** Every holder; or only what is due or expired. Both leave out what is revoked. */
  all: boolean;
  due: boolean;
  planes: string[] | undefined;
  now: Date;
}

/**
 * The holders whose certificates are to be rotated, as they are.
 * @throws ERR_NOT_FOUND for a name without a certificate; ERR_STATE for one that is revoked
 */
export async function selectForRotation(keystore: Keystore, scope: RotationScope): Promise<IssueItem[]> {
  if (scope.names.length === 0) return everyHolder(keystore, scope);
  const items: IssueItem[] = [];
  for (const row of await named(keystore, scope)) items.push(await itemOf(keystore, row));
  return items;
}

async function named(keystore: Keystore, { names, planes, due, now }: RotationScope): Promise<IssuedCertificate[]> {
  const out: IssuedCertificate[] = [];
  for (const text of new Set(names)) {
    const rows = await certificatesOf(keystore, readHolder(text));
    const current = rows.filter((row) => !row.superseded && (planes === undefined || planes.includes(row.plane)));
    const [first] = current;
    if (first === undefined)
      throw new ClusterCaError(
        'ERR_NOT_FOUND',
        `no certificate was ever issued to ${text} on plane ${planes?.join(', ')}`,
        {
          hint: `cluster-ca issue ${text}`,
        },
      );
    const live = current.filter((row) => row.revoked === undefined);
    if (live.length === 0)
      throw new ClusterCaError('ERR_STATE', `${text} is revoked: it is not rotated`, {
        hint: `${issueCommandFor(first)} gives it a new certificate`,
      });
    out.push(...live.filter((row) => !due || row.dueAt <= now.getTime()));
  }
  return out;
}

/** Rows are not collected first: of a fleet they are as large as the items. */
function everyHolder(keystore: Keystore, { planes, due, now }: RotationScope): Promise<IssueItem[]> {
  return keystore.query(async (index) => {
    const out: IssueItem[] = [];
    for await (const rows of index.all())
      for (const row of rows) {
        if (row.superseded || row.kind === 'probe' || statusOf(row, now) === 'revoked') continue;
        if (planes !== undefined && !planes.includes(row.plane)) continue;
        if (!due || row.dueAt <= now.getTime()) out.push(await itemOf(keystore, row));
      }
    return out;
  });
}

/** What a certificate's successor asks for: its names, profile and key type as they are; the policy's lifetime. */
export async function itemOf(keystore: Keystore, row: IssuedCertificate): Promise<IssueItem> {
  const { subjectAltNames, keyType } = certificateFields(parseCertificate(await keystore.der(row)), (data) =>
    sha256(data),
  );
  const having = (prefix: string): string[] =>
    subjectAltNames.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const role = /\/role\/([a-z]+)\//.exec(having('URI:')[0] ?? '')?.[1];
  return {
    kind: row.kind as 'node' | 'client',
    name: row.name,
    plane: row.plane,
    profile: row.profile,
    dns: having('DNS:'),
    ip: having('IP:'),
    role,
    keyType: keyType as KeyType,
    lifetime: await ownLifetime(keystore, row),
    wildcards: true,
  };
}

/** A lifetime that was asked for is kept; the policy's own is not pinned, so that it stays capped at the issuer's end. */
async function ownLifetime(keystore: Keystore, row: IssuedCertificate): Promise<number | undefined> {
  const seconds = Math.round((row.notAfter - row.notBefore + 1000) / 1000);
  const { nodeLifetime } = keystore.state.policy;
  const issuer = keystore.authorityCertificate(keystore.issuing.id);
  const wasCapped = row.notAfter >= keystore.authorityCertificate(row.authority).notAfter;
  if (seconds === nodeLifetime || wasCapped || issuer.notAfter <= row.notAfter) return undefined;
  return seconds;
}
