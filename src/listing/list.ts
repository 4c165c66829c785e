import { type CertificateObject, certificateObject } from '../documents/certificate-object.ts';
import { ClusterCaError } from '../errors.ts';
import { type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { SpooledList } from '../ui/text/spooled-list.ts';

export interface ListOptions {
  all: boolean;
  nodes: string[] | undefined;
  planes: string[] | undefined;
  status: string[] | undefined;
  /** Seconds: ends within. */
  expiring: number | undefined;
  now: Date;
}

export const STATUSES = ['valid', 'expired', 'revoked', 'superseded'];

/**
 * The current certificate of every node, plane and client, and revoked ones that have not expired; with `all` every
 * certificate ever issued.
 * @throws ERR_USAGE for an unknown status
 */
export async function listCertificates(
  keystore: Keystore,
  options: ListOptions,
): Promise<SpooledList<CertificateObject>> {
  for (const status of options.status ?? [])
    if (!STATUSES.includes(status))
      throw new ClusterCaError('ERR_USAGE', `no such status: ${status}`, { hint: STATUSES.join(', ') });
  let out = new SpooledList<CertificateObject>();
  await keystore.query(async (index) => {
    out = new SpooledList();
    const add = async (rows: IssuedCertificate[]): Promise<void> => {
      for (const row of rows) if (isListed(row, options)) out.push(await certificateObject(keystore, row, options.now));
    };
    if (options.nodes === undefined) for await (const rows of index.all()) await add(rows);
    else
      for (const name of options.nodes) {
        const rows = [...(await index.ofName('node', name)), ...(await index.ofName('client', name))];
        await add(rows);
      }
  });
  return out;
}

function isListed(row: IssuedCertificate, options: ListOptions): boolean {
  const status = statusOf(row, options.now);
  if (options.planes !== undefined && !options.planes.includes(row.plane)) return false;
  if (options.status !== undefined && !options.status.includes(status)) return false;
  if (options.expiring !== undefined && row.notAfter > options.now.getTime() + options.expiring * 1000) return false;
  if (options.all) return true;
  if (row.kind === 'probe') return false;
  if (options.status !== undefined)
    return !row.superseded || status === 'revoked' || options.status.includes('superseded');
  if (status === 'revoked') return row.notAfter + 1000 > options.now.getTime();
  return !row.superseded;
}
