import { type CertificateObject, certificateObjectOf } from '../documents/certificate-object.ts';
import type { ClusterCaError } from '../errors.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { FILES, type Place } from '../placement/place.ts';
import { type Listing, SpooledList } from '../ui/text/spooled-list.ts';
import type { UnchangedReason } from './decide.ts';
import { chainPem } from './files.ts';
import type { IssueItem } from './item.ts';
import type { Job } from './job.ts';

export interface WrittenFiles {
  certificate: string;
  key?: string;
  trustBundle: string;
}

/** A certificate that was made in this run, and where its files are. */
export type MadeEntry = CertificateObject & { files?: WrittenFiles; pem?: string };
/** One that was left alone. */
export type UnchangedEntry = MadeEntry & { why: UnchangedReason };

export interface IssueResult {
  certificates: Listing<MadeEntry>;
  unchanged: Listing<UnchangedEntry>;
  /** The archive that holds the files, with `--out FILE.tar`. */
  archive?: string;
  failed: {
    node: string;
    plane?: string;
    error: { code: string; message: string; hint?: string; details?: Record<string, unknown> };
  }[];
}

/** A result that is still being added to. */
export interface GrowingResult extends IssueResult {
  certificates: SpooledList<MadeEntry>;
  unchanged: SpooledList<UnchangedEntry>;
}

/** What became of jobs, as the document has it. `inline`: what has no place is handed back as PEM. */
export async function resultOf(
  keystore: Keystore,
  jobs: readonly Job[],
  now: Date,
  inline = true,
): Promise<GrowingResult> {
  const out: GrowingResult = { certificates: new SpooledList(), unchanged: new SpooledList(), failed: [] };
  for (const { item, place, error, unchanged, made } of jobs) {
    const row = made ?? unchanged?.row;
    if (row !== undefined && error === undefined) {
      const der = await keystore.der(row);
      const entry = madeEntry(row, der, item, place, now);
      if (place === undefined && inline) entry.pem = chainPem(keystore, der, row.authority);
      if (unchanged === undefined) out.certificates.push(entry);
      else if (unchanged.why !== 'revoked') out.unchanged.push({ ...entry, why: unchanged.why });
      else out.unchanged.push({ ...certificateObjectOf(row, der, now), why: unchanged.why });
    } else if (error !== undefined) out.failed.push(failure(item, error));
  }
  return out;
}

/** A certificate and where its files are. */
export function madeEntry(
  row: IssuedCertificate,
  der: Uint8Array,
  item: IssueItem,
  place: Place | undefined,
  now: Date,
): MadeEntry {
  const entry: MadeEntry = certificateObjectOf(row, der, now);
  if (place !== undefined) entry.files = writtenFiles(place, item.publicKey === undefined);
  return entry;
}

/** One item that failed, as the document lists it. */
export function failure(item: IssueItem, error: ClusterCaError): IssueResult['failed'][number] {
  const { code, message, hint, details } = error;
  return {
    node: item.name,
    ...(item.plane === '' ? {} : { plane: item.plane }),
    error: { code, message, ...(hint === undefined ? {} : { hint }), ...(details === undefined ? {} : { details }) },
  };
}

function writtenFiles(place: Place, withKey: boolean): WrittenFiles {
  const key = withKey ? { key: place.path(FILES.key) } : {};
  return { certificate: place.path(FILES.certificate), ...key, trustBundle: place.path(FILES.trustBundle) };
}
