import { loadCrypto } from '../crypto/webcrypto.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { generateKey } from '../pki/key.ts';
import { encodePem } from '../pki/pem.ts';
import type { Place } from '../placement/place.ts';
import { holderFiles } from './files.ts';
import { type IssueRequest, recordsOfRequest } from './issue-request.ts';
import type { IssueItem } from './item.ts';
import { attempt, type Job } from './job.ts';
import { prepare, reconsider } from './prepare.ts';
import { type IssueResult, resultOf } from './result.ts';
import { RevokedSince } from './revoked-since.ts';
import { BATCH, signBatch } from './sign-batch.ts';

/**
 * Issues what is asked for, leaves alone what is there already, and finishes what an earlier run began: stage →
 * reserve → sign → store → commit → place. The caller holds the turn among the writers.
 * @throws ERR_EXISTS when the request id is bound to another request; ERR_STORAGE when no place can be written
 */
export async function issueCertificates(
  writer: KeystoreWriter,
  request: IssueRequest,
  places: Map<IssueItem, Place>,
): Promise<IssueResult> {
  const { keystore } = writer;
  const bound = await recordsOfRequest(keystore, request);
  const jobs = request.items.map((item): Job => ({ item, place: places.get(item) }));
  const since = new RevokedSince(keystore);
  const decide = (job: Job): Promise<void> => prepare(writer, request, job, bound, since);
  for (const job of jobs) await attempt(job, () => decide(job));
  throwRefused(request, jobs);
  for (let left = jobs.filter(isPending); left.length > 0; ) {
    const [batch, rest] = [left.slice(0, BATCH), left.slice(BATCH)];
    const revoked = await issueBatch(writer, request, batch, since);
    for (const job of revoked) await attempt(job, () => reconsider(request, job, () => decide(job)));
    throwRefused(request, jobs);
    left = revoked.length === 0 ? rest : [...batch.filter(isPending), ...rest];
  }
  return resultOf(keystore, jobs, writer.options.now());
}

function isPending({ error, unchanged }: Job): boolean {
  return error === undefined && unchanged === undefined;
}

/** Where not some may fail, the first that does stops everything, as long as nothing is issued. */
function throwRefused({ partial }: IssueRequest, jobs: readonly Job[]): void {
  const refused = jobs.find(({ error }) => error !== undefined)?.error;
  if (refused !== undefined && !partial && jobs.every(({ made }) => made === undefined)) throw refused;
}

/** @returns those that were revoked since it was decided: where there are any, nothing of the batch was issued */
async function issueBatch(
  writer: KeystoreWriter,
  request: IssueRequest,
  jobs: Job[],
  since: RevokedSince,
): Promise<Job[]> {
  const { keystore } = writer;
  const crypto = await loadCrypto();
  const keyed: { job: Job; publicKey: Uint8Array }[] = [];
  for (const job of jobs)
    await attempt(job, async () => {
      keyed.push({ job, publicKey: job.item.publicKey ?? (await stageNewKey(crypto, job)) });
    });
  if (keyed.length === 0) return [];
  const { id, sealed, keyType } = keystore.issuing;
  const signer = await writer.daily.signer(sealed, keyType);
  let revoked: IssueItem[] = [];
  try {
    const confirm = async (): Promise<void> => {
      for (const { job } of keyed) if (job.item.publicKey === undefined) await job.place?.confirmStagedKey();
    };
    const items = keyed.map(({ job, publicKey }) => ({ item: job.item, publicKey }));
    const holds = async (): Promise<boolean> => {
      revoked = await since.among(items.map(({ item }) => item));
      return revoked.length === 0;
    };
    const { requestId, requestHash } = request;
    await signBatch(items, { writer, signer, crypto, requestId, requestHash, confirm, holds });
  } catch (error) {
    // Nothing was committed, unless that cannot be told: then the staged keys must stay.
    if (!isClusterCaError(error, 'ERR_OUTCOME_UNKNOWN')) for (const { job } of keyed) await job.place?.unstageKey();
    throw error;
  }
  if (revoked.length > 0) {
    for (const { job } of keyed) await job.place?.unstageKey();
    return jobs.filter(({ item }) => revoked.includes(item));
  }
  for (const { job } of keyed) {
    const { kind, name, plane } = job.item;
    const row = await keystore.query((index) => index.current(kind, name, plane));
    if (row === undefined || row.authority !== id) continue;
    job.made = row;
    await attemptCommitted(job, row, async () => {
      const staged = job.item.publicKey === undefined ? job.place?.stagedKeyName : undefined;
      await job.place?.finish(await holderFiles(keystore, row, writer.options.now()), staged);
    });
  }
  return [];
}

async function stageNewKey(crypto: Crypto, { item, place }: Job): Promise<Uint8Array> {
  const key = await generateKey(crypto, item.keyType);
  await place?.stageKey(encodePem('PRIVATE KEY', key.pkcs8));
  key.pkcs8.fill(0);
  return key.spki;
}

/** A failure behind the commit: the certificate is issued, and the same command finishes its files. */
async function attemptCommitted(job: Job, row: IssuedCertificate, work: () => Promise<void>): Promise<void> {
  await attempt(job, async () => {
    try {
      await work();
    } catch (error) {
      if (!isClusterCaError(error, 'ERR_STORAGE')) throw error;
      const details = { ...error.details, committed: [row.serial] };
      throw new ClusterCaError(error.code, error.message, {
        hint: 'run the same command again: it finishes the files',
        details,
        cause: error,
      });
    }
  });
}
