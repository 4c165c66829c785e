import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { ClusterCaError } from '../errors.ts';
import { type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { holderDirectory, Place } from '../placement/place.ts';
import { issueFleet, type PlacedCertificate } from './batch/fleet.ts';
import { ArchiveSink, DirectorySink, type Sink, type Unplaced } from './batch/sink.ts';
import { type IssueRequest, recordsOfRequest } from './issue-request.ts';
import { describeItem, type IssueItem } from './item.ts';
import { attempt, type Job } from './job.ts';
import { prepare, reconsider, revokedMeanwhile, revokedSince } from './prepare.ts';
import { failure, type IssueResult, madeEntry, resultOf } from './result.ts';
import { RevokedSince } from './revoked-since.ts';
import { Salvage } from './salvage.ts';

/** From this many certificates on, a batch is made instead of one after the other. */
export const FLEET_FROM = 32;

export function isArchive(out: string | undefined): out is string {
  return out?.endsWith('.tar') === true;
}

/** Whether a request is for the batch pipeline. */
export function isFleet({ items, out }: Pick<IssueRequest, 'items' | 'out'>): boolean {
  return out !== undefined && (isArchive(out) || items.length >= FLEET_FROM);
}

/** Shows that files can be written at the place of a fleet. @throws ERR_STORAGE; ERR_EXISTS for an archive that is there */
export async function openFleetPlace(request: IssueRequest): Promise<void> {
  const { out, access, forceNew } = request;
  if (out === undefined) return;
  if (!isArchive(out)) return openPlace(new Place(out, access));
  if (existsSync(out) && !forceNew)
    throw new ClusterCaError('ERR_EXISTS', `${out} is there already`, {
      hint: 'choose another --out, or replace it with --force-new',
    });
  return openPlace(new Place(dirname(out), access));
}

async function openPlace(place: Place): Promise<void> {
  await place.open();
  await place.removeProbes();
}

/** Issues a fleet in batches. The caller holds the turn among the writers. @throws as `issueCertificates` */
export async function issueInBatches(
  writer: KeystoreWriter,
  request: IssueRequest,
  onProgress: (done: number, total: number, label: string) => void,
): Promise<IssueResult> {
  const { keystore } = writer;
  const { access } = request;
  const out = request.out as string;
  const archive = isArchive(out);
  const bound = await recordsOfRequest(keystore, request);
  const jobs = placedJobs(request, archive);
  const archiveSink = archive ? new ArchiveSink(out) : undefined;
  let placed = 0;
  const sink: Sink = archiveSink ?? new DirectorySink(out, (count) => issuing(placed + count));
  const salvage = archiveSink && (await Salvage.find(dirname(out), (final) => final === basename(out)));
  const since = new RevokedSince(keystore);
  const decide = async (job: Job): Promise<void> => {
    if (archive) return decideForArchive(writer, request, job, { bound, since, salvage, sink: archiveSink });
    if (job.place === undefined && currentOf(await since.note(job.item), job.item) === undefined) return;
    job.place ??= new Place(holderDirectory(out, job.item), access);
    await prepare(writer, request, job, bound, since);
  };
  for (const [i, job] of jobs.entries()) {
    if (i % 100 === 0) onProgress(i, jobs.length, 'checking');
    if (archive) await decide(job);
    else await attempt(job, () => decide(job));
  }
  const isPending = (job: Job): boolean => job.error === undefined && job.unchanged === undefined;
  const now = writer.options.now();
  const decided = jobs.filter((job) => !isPending(job));
  const result = await resultOf(keystore, decided, now, false);
  const pending = new Map(jobs.filter(isPending).map((job) => [job.item, job]));
  const items = [...pending.keys()];
  const { requestId, requestHash } = request;
  try {
    if (items.length > 0) await fleet();
    else await sink.finish();
  } catch (error) {
    if (!(error instanceof ClusterCaError && error.code === 'ERR_OUTCOME_UNKNOWN')) await sink.discard();
    throw error;
  }
  await salvage?.remove();
  return archive ? { ...result, archive: out } : result;

  function issuing(done: number): void {
    placed = done;
    onProgress(done, items.length, 'issuing');
  }

  async function fleet(): Promise<void> {
    issuing(0);
    const onPlaced = (item: IssueItem, { row, der, unplaced }: PlacedCertificate): void => {
      if (unplaced !== undefined) {
        result.failed.push(failure(item, unplacedError(item, row.serial, unplaced)));
        return;
      }
      const place = archive ? undefined : new Place(holderDirectory(out, item), access);
      result.certificates.push(madeEntry({ ...row, superseded: false }, der, item, place, now));
    };
    await issueFleet(writer, {
      items,
      access,
      requestId,
      requestHash,
      sink,
      onPlaced,
      onProgress: issuing,
      revokedAmong: (some) => since.among(some),
      reconsider: reconsiderAll,
    });
  }

  /** @returns those that are to be made all the same */
  async function reconsiderAll(revoked: readonly IssueItem[]): Promise<IssueItem[]> {
    const again = revoked.map((item) => pending.get(item) as Job);
    for (const job of again) await attempt(job, () => reconsider(request, job, () => decide(job)));
    for (const { error } of again)
      if ((archive && error?.code === 'ERR_STORAGE') || (error !== undefined && !request.partial && placed === 0))
        throw error;
    const { unchanged, failed } = await resultOf(keystore, again, now, false);
    for (const entry of unchanged) result.unchanged.push(entry);
    result.failed.push(...failed);
    return again.filter(isPending).map(({ item }) => item);
  }
}

function unplacedError(item: IssueItem, serial: string, { path, errno }: Unplaced): ClusterCaError {
  return new ClusterCaError('ERR_STORAGE', `${describeItem(item)}: cannot write in ${path}: ${errno}`, {
    hint: 'run the same command again: it finishes the files',
    details: { committed: [serial] },
  });
}

/** Of all certificates of a name the one that is current on the item's plane. */
function currentOf(rows: readonly IssuedCertificate[], { plane }: IssueItem): IssuedCertificate | undefined {
  return rows.findLast((row) => row.plane === plane && !row.superseded);
}

/** A job for every item; with a place to look at only where its directory exists already. */
function placedJobs(request: IssueRequest, archive: boolean): Job[] {
  const out = request.out as string;
  const there = new Set(archive ? [] : readdirSync(out));
  return request.items.map((item) => {
    const exists = there.has(item.kind === 'node' ? item.name : 'clients');
    return { item, place: exists ? new Place(holderDirectory(out, item), request.access) : undefined };
  });
}

/** Idempotence does not apply to an archive; but what a killed run committed for it is taken from its staged file. */
async function decideForArchive(
  writer: KeystoreWriter,
  request: IssueRequest,
  job: Job,
  by: {
    bound: ReadonlySet<number>;
    since: RevokedSince;
    salvage: Salvage | undefined;
    sink: ArchiveSink | undefined;
  },
): Promise<void> {
  const { bound, since, salvage, sink } = by;
  const { keystore } = writer;
  const now = writer.options.now();
  const current = currentOf(await since.note(job.item), job.item);
  if (current === undefined) return;
  if (request.skipRevoked && statusOf(current, now) === 'revoked') {
    if (!request.partial) throw revokedMeanwhile(job.item);
    job.unchanged = { row: current, why: 'revoked' };
  } else if (bound.has(current.seq) && current.revoked !== undefined) throw revokedSince(request, job.item);
  else if (salvage !== undefined && sink !== undefined && statusOf(current, now) === 'valid') {
    const entries = await salvage.entriesFor(keystore, job.item, current, now);
    if (entries === undefined) return;
    await sink.add(entries);
    job.unchanged = { row: current, why: 'finished' };
  }
}
