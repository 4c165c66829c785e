import { type CertificateObject, certificateObjectOf } from '../documents/certificate-object.ts';
import type { ClusterCaError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { FILES, type Place } from '../placement/place.ts';
import type { UnchangedReason } from './decide.ts';
import { chainPem } from './files.ts';
import type { IssueItem } from './item.ts';
import type { Job } from './job.ts';

export interface WrittenFiles {
  certificate: string;
  key?: string;
  trustBundle: string;
}

export interface IssueResult {
  certificates: (CertificateObject & { files?: WrittenFiles; pem?: string })[];
  unchanged: (CertificateObject & { why: UnchangedReason; files?: WrittenFiles; pem?: string })[];
  /** The archive that holds the files, with `--out FILE.tar`. */
  archive?: string;
  failed: {
    node: string;
    plane?: string;
    error: { code: string; message: string; hint?: string; details?: Record<string, unknown> };
  }[];
}

/** What became of every job, as the document has it. `inline`: what has no place is handed back as PEM. */
export async function resultOf(keystore: Keystore, jobs: Job[], now: Date, inline = true): Promise<IssueResult> {
  const out: IssueResult = { certificates: [], unchanged: [], failed: [] };
  for (const { item, place, error, unchanged, made, object: known } of jobs) {
    const row = made ?? unchanged?.row;
    if (error === undefined && known !== undefined) {
      if (place !== undefined) Object.assign(known, { files: writtenFiles(place, item.publicKey === undefined) });
      out.certificates.push(known);
    } else if (row !== undefined && error === undefined) {
      const object = certificateObjectOf(row, await keystore.der(row), now);
      const files = place && { files: writtenFiles(place, item.publicKey === undefined) };
      const pem =
        place === undefined && inline ? { pem: chainPem(keystore, await keystore.der(row), row.authority) } : {};
      if (unchanged === undefined) out.certificates.push({ ...object, ...files, ...pem });
      else
        out.unchanged.push({
          ...object,
          why: unchanged.why,
          ...(unchanged.why === 'revoked' ? {} : { ...files, ...pem }),
        });
    } else if (error !== undefined) out.failed.push(failure(item, error));
  }
  return out;
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
