import { resolve } from 'node:path';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import { holderDirectory, Place } from '../placement/place.ts';
import type { UnchangedReason } from './decide.ts';
import type { IssueRequest } from './issue-request.ts';
import type { IssueItem } from './item.ts';

/** One item on its way: where its files go, and what became of it. */
export interface Job {
  item: IssueItem;
  place: Place | undefined;
  error?: ClusterCaError;
  unchanged?: { row: IssuedCertificate; why: UnchangedReason };
  made?: IssuedCertificate;
}

/** Does a part of a job; what fails for this item alone becomes its error. */
export async function attempt(job: Job, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_EXISTS', 'ERR_STORAGE', 'ERR_STATE')) throw error;
    job.error = error;
  }
}

/**
 * Opens every item's place, before this process's turn. @throws ERR_STORAGE when none can be written
 * @returns the places, and for the items without one why
 */
export async function openPlaces(
  request: IssueRequest,
): Promise<{ places: Map<IssueItem, Place>; failed: Map<IssueItem, ClusterCaError> }> {
  const places = new Map<IssueItem, Place>();
  const failed = new Map<IssueItem, ClusterCaError>();
  if (request.out === undefined) return { places, failed };
  for (const item of request.items) {
    const place = new Place(holderDirectory(resolve(request.out), item), request.access);
    try {
      await place.open();
      places.set(item, place);
    } catch (error) {
      if (!(error instanceof ClusterCaError)) throw error;
      failed.set(item, error);
    }
  }
  const [first] = failed.values();
  if (first !== undefined && places.size === 0) throw first;
  return { places, failed };
}
