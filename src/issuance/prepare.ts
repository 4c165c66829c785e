import { ClusterCaError } from '../errors.ts';
import { type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { publicHalf } from '../placement/key-match.ts';
import { FILES, type Place } from '../placement/place.ts';
import { issueCommandFor } from '../what/holder.ts';
import { filesAreWhole, fits, keyBelongsTo } from './decide.ts';
import { holderFiles } from './files.ts';
import { finishLeftovers } from './finish.ts';
import type { IssueRequest } from './issue-request.ts';
import { describeItem, type IssueItem } from './item.ts';
import type { Job } from './job.ts';
import type { RevokedSince } from './revoked-since.ts';

/** Finishes what is left over, refuses a foreign key, and decides whether anything is to be made. */
export async function prepare(
  writer: KeystoreWriter,
  request: IssueRequest,
  job: Job,
  bound: ReadonlySet<number>,
  since: RevokedSince,
): Promise<void> {
  const { keystore } = writer;
  const now = writer.options.now();
  const { item, place } = job;
  const issued = (await since.note(item)).filter((row) => row.plane === item.plane);
  const current = issued.findLast((row) => !row.superseded);
  const finished = place !== undefined && (await finishLeftovers(keystore, place, current, now));
  if (place !== undefined) await refuseForeignKey(keystore, place, issued, item);
  if (request.skipRevoked && current !== undefined && statusOf(current, now) === 'revoked') {
    if (!request.partial) throw revokedMeanwhile(item);
    job.unchanged = { row: current, why: 'revoked' };
    return;
  }
  const sameRequest = current !== undefined && bound.has(current.seq);
  if (sameRequest && statusOf(current, now) === 'revoked') throw revokedSince(request, item);
  if (current !== undefined && (sameRequest || (!request.forceNew && (await fits(keystore, current, item, now))))) {
    const why = sameRequest ? 'same-request' : finished ? 'finished' : 'current';
    if (place === undefined) job.unchanged = { row: current, why };
    else if (filesAreWhole(place, await holderFiles(keystore, current, now), item.publicKey === undefined))
      job.unchanged = { row: current, why };
    else if (sameRequest) await finishOrAbandon(writer, request, job, current);
    else if (item.publicKey !== undefined) {
      await place.finish(await holderFiles(keystore, current, now), undefined);
      job.unchanged = { row: current, why: 'finished' };
    }
  }
}

/**
 * Decides anew about one that was revoked while its certificate was being made: that one is thrown away. Who is left out
 * while revoked is decided on as at first, since another of its planes may be what was revoked.
 * @throws ERR_STATE for one that is issued to even where it was revoked before
 */
export async function reconsider(
  { skipRevoked }: Pick<IssueRequest, 'skipRevoked'>,
  { item }: Job,
  decide: () => Promise<void>,
): Promise<void> {
  if (!skipRevoked) throw revokedMeanwhile(item);
  await decide();
}

/** The error of one that may not be issued to any more. */
export function revokedMeanwhile(item: IssueItem): ClusterCaError {
  return new ClusterCaError('ERR_STATE', `${describeItem(item)} was revoked meanwhile: nothing was issued to it`, {
    hint: `if it is to have a new certificate: ${issueCommandFor(item)}`,
  });
}

/** Done is what a caller that repeats its request would take it for, and a new certificate would undo the revocation. */
export function revokedSince({ requestId }: IssueRequest, item: IssueItem): ClusterCaError {
  return new ClusterCaError(
    'ERR_STATE',
    `the certificate that the request ${requestId} made for ${describeItem(item)} was revoked since`,
    { hint: 'where it is to have a new one, issue it with another --request-id, or without' },
  );
}

/** The same request again: its certificate gets its files; if its key is gone it is abandoned, and made anew. */
async function finishOrAbandon(
  writer: KeystoreWriter,
  request: IssueRequest,
  job: Job,
  current: IssuedCertificate,
): Promise<void> {
  const { item, place } = job;
  const files = await holderFiles(writer.keystore, current, writer.options.now());
  if (place === undefined) return;
  if (item.publicKey !== undefined || publicHalf(place.read(FILES.key)) === files.publicKey) {
    await place.finish(files, undefined);
    job.unchanged = { row: current, why: 'finished' };
    return;
  }
  await writer.commit('abandon', request.requestId, async () => ({ serials: [current.serial] }));
}

/** A key.pem that belongs to no certificate of this CA, or not to the request at hand, is never overwritten. */
export async function refuseForeignKey(
  keystore: Keystore,
  place: Place,
  issued: IssuedCertificate[],
  item: IssueItem,
): Promise<void> {
  const key = place.read(FILES.key);
  if (key === undefined) return;
  const path = place.path(FILES.key);
  if (item.publicKey !== undefined) {
    if (publicHalf(key) === toHex(item.publicKey)) return;
    throw new ClusterCaError(
      'ERR_EXISTS',
      `${path} is not the key of the certification request for ${describeItem(item)}`,
      {
        hint: `move it away, or make the request again: cluster-ca request ${item.name}`,
      },
    );
  }
  if (await keyBelongsTo(keystore, key, issued)) return;
  throw new ClusterCaError(
    'ERR_EXISTS',
    `${path} belongs to no certificate of this CA for ${describeItem(item)}: it is not overwritten`,
    {
      hint: 'move it away, or choose another --out',
    },
  );
}
