import { ClusterCaError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { FileAccess } from '../placement/place.ts';
import type { IssueItem } from './item.ts';

export interface IssueRequest {
  items: IssueItem[];
  /** The `--out` directory; undefined: the chain is handed back and no file is written. */
  out: string | undefined;
  access: FileAccess;
  requestId: string;
  requestHash: string;
  /** Always make a new one. */
  forceNew: boolean;
  /** Items that are left out while their holder's last certificate is revoked. */
  skipRevoked: boolean;
  /** Some may fail while others are issued: a fleet. Otherwise the first failure stops everything before anything is issued. */
  partial: boolean;
}

/** The records that this request made before. @throws ERR_EXISTS when its id is bound to another request */
export async function recordsOfRequest(
  keystore: Keystore,
  { requestId, requestHash }: Pick<IssueRequest, 'requestId' | 'requestHash'>,
): Promise<Set<number>> {
  const rows = await keystore.query((index) => index.requests(requestId));
  if (rows.some((row) => row.hash !== requestHash))
    throw new ClusterCaError('ERR_EXISTS', `the request id ${requestId} is bound to another request`, {
      hint: 'a request id names one request for ever: take a new one',
    });
  return new Set(rows.map((row) => row.seq));
}
