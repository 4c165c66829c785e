import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { certificateObjectOf } from '../documents/certificate-object.ts';
import { ClusterCaError } from '../errors.ts';
import { type CertificateRow, statusOf } from '../keystore/certificates/row.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { holderDirectory, Place } from '../placement/place.ts';
import { issueFleet } from './batch/fleet.ts';
import { ArchiveSink, DirectorySink, type Sink } from './batch/sink.ts';
import { type IssueRequest, recordsOfRequest } from './issue-request.ts';
import { describeItem } from './item.ts';
import { attempt, type Job } from './job.ts';
import { prepare } from './prepare.ts';
import { type IssueResult, resultOf } from './result.ts';
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
  if (!isArchive(out)) return new Place(out, access).open();
  if (existsSync(out) && !forceNew)
    throw new ClusterCaError('ERR_EXISTS', `${out} is there already`, {
      hint: 'choose another --out, or replace it with --force-new',
    });
  return new Place(dirname(out), access).open();
}

/** Issues a fleet in batches. The caller holds the turn among the writers. @throws as `issueCertificates` */
export async function issueInBatches(
  writer: KeystoreWriter,
  request: IssueRequest,
  onProgress: (done: number, total: number, label: string) => void,
): Promise<IssueResult> {
  const { keystore } = writer;
  const out = request.out as string;
  const archive = isArchive(out);
  const bound = await recordsOfRequest(keystore, request);
  const jobs = placedJobs(request, archive);
  const archiveSink = archive ? new ArchiveSink(out) : undefined;
  let placed = 0;
  const sink: Sink = archiveSink ?? new DirectorySink(out, (count) => issuing(placed + count));
  const salvage = archiveSink && (await Salvage.find(dirname(out), basename(out)));
  for (const [i, job] of jobs.entries()) {
    if (i % 100 === 0) onProgress(i, jobs.length, 'checking');
    if (job.place !== undefined || !archive) await attempt(job, () => prepare(writer, request, job, bound));
    else await decideForArchive(writer, request, job, salvage, archiveSink);
  }
  const pending = jobs.filter((job) => job.error === undefined && job.unchanged === undefined);
  const { access, requestId, requestHash } = request;
  const items = pending.map(({ item }) => item);
  try {
    if (items.length > 0) await fleet();
    else await sink.finish();
  } catch (error) {
    if (!(error instanceof ClusterCaError && error.code === 'ERR_OUTCOME_UNKNOWN')) await sink.discard();
    throw error;
  }
  await salvage?.remove();
  const result = await resultOf(keystore, jobs, writer.options.now(), false);
  return archive ? { ...result, archive: out } : result;

  function issuing(done: number): void {
    placed = done;
    onProgress(done, items.length, 'issuing');
  }

  async function fleet(): Promise<void> {
    issuing(0);
    const now = writer.options.now();
    const onCommitted = (index: number, row: CertificateRow, der: Uint8Array): void => {
      const job = pending[index] as Job;
      job.object = certificateObjectOf({ ...row, superseded: false }, der, now);
      if (!archive) job.place = new Place(holderDirectory(out, job.item), access);
    };
    const plan = { items, access, requestId, requestHash, sink, onCommitted, onProgress: issuing };
    const unplaced = await issueFleet(writer, plan);
    for (const { holding, path, errno } of unplaced) {
      const job = pending.find(
        ({ item }) => item.name === holding.name && item.plane === holding.plane && item.kind === holding.kind,
      );
      if (job !== undefined)
        job.error = new ClusterCaError('ERR_STORAGE', `${describeItem(job.item)}: cannot write in ${path}: ${errno}`, {
          details: { committed: true },
        });
    }
  }
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
  salvage: Salvage | undefined,
  sink: ArchiveSink | undefined,
): Promise<void> {
  const { keystore } = writer;
  const { kind, name, plane } = job.item;
  const now = writer.options.now();
  const current = await keystore.query((index) => index.current(kind, name, plane));
  if (current === undefined) return;
  if (request.skipRevoked && statusOf(current, now) === 'revoked') job.unchanged = { row: current, why: 'revoked' };
  else if (salvage !== undefined && sink !== undefined && statusOf(current, now) === 'valid') {
    const entries = await salvage.entriesFor(keystore, job.item, current, now);
    if (entries === undefined) return;
    await sink.add(entries);
    job.unchanged = { row: current, why: 'finished' };
  }
}
