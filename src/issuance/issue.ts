import { resolve } from 'node:path';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { type CertificateObject, certificateObjectOf } from '../documents/certificate-object.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { generateKey } from '../pki/key.ts';
import { encodePem } from '../pki/pem.ts';
import { publicHalf } from '../placement/key-match.ts';
import { FILES, type FileAccess, holderDirectory, Place } from '../placement/place.ts';
import { filesAreWhole, fits, keyBelongsTo, type UnchangedReason } from './decide.ts';
import { chainPem, holderFiles } from './files.ts';
import { finishLeftovers } from './finish.ts';
import { describeItem, type IssueItem } from './item.ts';
import { BATCH, signBatch } from './sign-batch.ts';

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

/** One item on its way: where its files go, and what became of it. */
export interface Job {
  item: IssueItem;
  place: Place | undefined;
  error?: ClusterCaError;
  unchanged?: { row: IssuedCertificate; why: UnchangedReason };
  made?: IssuedCertificate;
  /** Of what was just made, so that it need not be read again. */
  der?: Uint8Array;
}

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
  for (const job of jobs) await attempt(job, () => prepare(writer, request, job, bound));
  const refused = jobs.find((job) => job.error !== undefined)?.error;
  if (refused !== undefined && !request.partial) throw refused;
  const pending = jobs.filter((job) => job.error === undefined && job.unchanged === undefined);
  for (let at = 0; at < pending.length; at += BATCH) await issueBatch(writer, request, pending.slice(at, at + BATCH));
  return resultOf(keystore, jobs, writer.options.now());
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

export async function attempt(job: Job, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_EXISTS', 'ERR_STORAGE', 'ERR_STATE')) throw error;
    job.error = error;
  }
}

/** Finishes what is left over, refuses a foreign key, and decides whether anything is to be made. */
export async function prepare(
  writer: KeystoreWriter,
  request: IssueRequest,
  job: Job,
  bound: ReadonlySet<number>,
): Promise<void> {
  const { keystore } = writer;
  const now = writer.options.now();
  const { item, place } = job;
  const issued = (await keystore.query((index) => index.ofName(item.kind, item.name))).filter(
    (row) => row.plane === item.plane,
  );
  const current = issued.findLast((row) => !row.superseded);
  const finished = place !== undefined && (await finishLeftovers(keystore, place, current, now));
  if (place !== undefined) await refuseForeignKey(keystore, place, issued, item);
  if (request.skipRevoked && current !== undefined && statusOf(current, now) === 'revoked') {
    job.unchanged = { row: current, why: 'revoked' };
    return;
  }
  const sameRequest = current !== undefined && bound.has(current.seq);
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

async function issueBatch(writer: KeystoreWriter, request: IssueRequest, jobs: Job[]): Promise<void> {
  const { keystore } = writer;
  const crypto = await loadCrypto();
  const keyed: { job: Job; publicKey: Uint8Array }[] = [];
  for (const job of jobs)
    await attempt(job, async () => {
      keyed.push({ job, publicKey: job.item.publicKey ?? (await stageNewKey(crypto, job)) });
    });
  if (keyed.length === 0) return;
  const { id, sealed, keyType } = keystore.issuing;
  const signer = await writer.daily.signer(sealed, keyType);
  try {
    const confirm = async (): Promise<void> => {
      for (const { job } of keyed) if (job.item.publicKey === undefined) await job.place?.confirmStagedKey();
    };
    const items = keyed.map(({ job, publicKey }) => ({ item: job.item, publicKey }));
    const { requestId, requestHash } = request;
    await signBatch(items, { writer, signer, crypto, requestId, requestHash, confirm });
  } catch (error) {
    // Nothing was committed, unless that cannot be told: then the staged keys must stay.
    if (!isClusterCaError(error, 'ERR_OUTCOME_UNKNOWN')) for (const { job } of keyed) await job.place?.unstageKey();
    throw error;
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
}

async function stageNewKey(crypto: Crypto, { item, place }: Job): Promise<Uint8Array> {
  const key = await generateKey(crypto, item.keyType);
  await place?.stageKey(encodePem('PRIVATE KEY', key.pkcs8));
  key.pkcs8.fill(0);
  return key.spki;
}

/** The records that this request made before. @throws ERR_EXISTS when its id is bound to another request */
export async function recordsOfRequest(
  keystore: Keystore,
  { requestId, requestHash }: IssueRequest,
): Promise<Set<number>> {
  const rows = await keystore.query((index) => index.requests(requestId));
  if (rows.some((row) => row.hash !== requestHash))
    throw new ClusterCaError('ERR_EXISTS', `the request id ${requestId} is bound to another request`, {
      hint: 'a request id names one request for ever: take a new one',
    });
  return new Set(rows.map((row) => row.seq));
}

/** What became of every job, as the document has it. `inline`: what has no place is handed back as PEM. */
export async function resultOf(keystore: Keystore, jobs: Job[], now: Date, inline = true): Promise<IssueResult> {
  const out: IssueResult = { certificates: [], unchanged: [], failed: [] };
  for (const { item, place, error, unchanged, made, der } of jobs) {
    const row = made ?? unchanged?.row;
    if (row !== undefined && error === undefined) {
      const object = certificateObjectOf(row, der ?? (await keystore.der(row)), now);
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
