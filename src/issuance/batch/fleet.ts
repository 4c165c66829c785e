import { randomBytes } from '../../crypto/hash.ts';
import { loadCrypto } from '../../crypto/webcrypto.ts';
import { tampered } from '../../keystore/canonical.ts';
import type { CertificateRow } from '../../keystore/certificates/row.ts';
import type { Authority } from '../../keystore/log/bodies.ts';
import type { PackedCertificate } from '../../keystore/pack.ts';
import { trustBundle } from '../../keystore/public.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { concatBytes } from '../../pki/der/writer.ts';
import { fromBase64, toAscii, toHex } from '../../pki/encoding.ts';
import { pemOctets } from '../../pki/pem.ts';
import { newSerial } from '../../pki/serial.ts';
import { parseCertificate } from '../../pki/x509/certificate.ts';
import type { FileAccess } from '../../placement/place.ts';
import { issuersOf } from '../files.ts';
import type { IssueItem } from '../item.ts';
import { requireIssuer } from '../require-issuer.ts';
import type { WorkerReply } from './messages.ts';
import { openPool, type Pool } from './pool.ts';
import type { Sink, Slice, Unplaced } from './sink.ts';
import type { SliceItem } from './slice.ts';

/** Certificates of one reserve and one commit record. */
export const BATCH = 2000;
/** Certificates that a worker makes before it answers. */
const SLICE = 100;
/** Batches whose serials are reserved before they are needed, so that no worker waits for the log. */
const AHEAD = 2;

export interface FleetRequest {
  items: IssueItem[];
  access: FileAccess;
  requestId: string;
  requestHash: string;
  sink: Sink;
  /** Called for every item of a batch that was committed and written, in the items' order; its files are durable when all is done. */
  onPlaced: (item: IssueItem, made: PlacedCertificate) => void;
  onProgress: (done: number, total: number) => void;
  /** Those of the items who were revoked since it was decided to issue to them, on the log as it was read. */
  revokedAmong: (items: readonly IssueItem[]) => Promise<IssueItem[]>;
  /** Decides about these anew. @returns those that are to be made all the same */
  reconsider: (revoked: readonly IssueItem[]) => Promise<IssueItem[]>;
}

/** A certificate that was committed; `unplaced` says why its files could not be written. */
export interface PlacedCertificate {
  row: CertificateRow;
  der: Uint8Array;
  unplaced?: Unplaced;
}

interface Reserved {
  seq: number;
  serials: string[];
  items: IssueItem[];
  made: Promise<Made[]>;
}

type Made = Slice & WorkerReply & { type: 'made' };

/**
 * Issues a fleet, batch by batch: stage → reserve → sign → store → commit → place, as for one certificate, with one
 * reserve and one commit record a batch. While a batch is committed and placed, the next ones are being signed.
 */
export async function issueFleet(writer: KeystoreWriter, request: FleetRequest): Promise<void> {
  const { keystore } = writer;
  const { items, access } = request;
  keystore.forgetPacks();
  const authority = keystore.issuing;
  const now = writer.options.now();
  const certificate = fromBase64(authority.certificate);
  const pool = openPool(items.length, {
    issuer: {
      certificate,
      keyType: authority.keyType,
      key: await writer.daily.batchKey(authority.sealed),
      policy: keystore.state.policy,
      now: now.getTime(),
    },
    output: {
      issuing: concatBytes(...issuersOf(keystore, authority.id).map((der) => pemOctets('CERTIFICATE', der))),
      trustBundle: toAscii(trustBundle(keystore, now)),
      access,
      seconds: Math.floor(now.getTime() / 1000),
    },
  });
  const reserved: Reserved[] = [];
  let at = 0;
  let [slicesMade, done] = [0, 0];
  const begin = async (batch: IssueItem[]): Promise<Reserved> => {
    const begun = await reserve(writer, request, pool, batch, slicesMade);
    slicesMade += Math.ceil(batch.length / SLICE);
    return begun;
  };
  const reserveAhead = async (): Promise<void> => {
    for (; reserved.length < AHEAD && at < items.length; at += BATCH)
      reserved.push(await begin(items.slice(at, at + BATCH)));
  };
  try {
    await reserveAhead();
    for (let batch = reserved.shift(); batch !== undefined; batch = reserved.shift()) {
      const slices = await batch.made;
      if (done === 0) await opinion(slices[0], certificate);
      await reserveAhead();
      const { made, revoked } = await commit(writer, request, batch, slices, pool, authority);
      if (revoked.length > 0) {
        await request.sink.unstage();
        await Promise.all(slices.map(({ id }) => pool.ask({ type: 'drop', id }, 'dropped')));
        const left = new Set(revoked);
        for (const item of await request.reconsider(revoked)) left.delete(item);
        const again = batch.items.filter((item) => !left.has(item));
        if (again.length > 0) reserved.unshift(await begin(again));
        continue;
      }
      for (const unplaced of await request.sink.place(slices, pool)) {
        const before = slices.findIndex(({ id }) => id === unplaced.slice);
        const certificate = made[before * SLICE + unplaced.index];
        if (certificate !== undefined) certificate.unplaced = unplaced;
      }
      for (const [i, item] of batch.items.entries()) request.onPlaced(item, made[i] as PlacedCertificate);
      done += batch.items.length;
      request.onProgress(done, items.length);
    }
    await request.sink.finish();
  } finally {
    await pool.close();
  }
}

/** Sets the serials of a batch aside, and has its slices made: `first` is the first one's id. */
async function reserve(
  writer: KeystoreWriter,
  request: FleetRequest,
  pool: Pool,
  items: IssueItem[],
  first: number,
): Promise<Reserved> {
  const serials = await freshSerials(writer, items.length);
  const { requestId, requestHash } = request;
  const record = await writer.commit('reserve', requestId, async () => ({ requestHash, serials }));
  if (record === undefined) throw tampered('a reserve record was not written');
  const made: Promise<Made>[] = [];
  for (let from = 0; from < items.length; from += SLICE) {
    const id = first + from / SLICE;
    const part = items.slice(from, from + SLICE);
    const plain = part.map((item, i) => plainItem(item, serials[from + i] as string));
    made.push(pool.ask({ type: 'make', id, items: plain }, 'made').then((reply) => ({ ...reply, holdings: part })));
  }
  const all = Promise.all(made);
  // It is awaited in its turn; until then its failure is nobody's unhandled one.
  all.catch(() => {});
  return { seq: record.seq, serials, items, made: all };
}

/** @returns what was made; or who was revoked since it was decided: then nothing of the batch was issued */
async function commit(
  writer: KeystoreWriter,
  request: FleetRequest,
  batch: Reserved,
  slices: Made[],
  pool: Pool,
  authority: Authority,
): Promise<{ made: PlacedCertificate[]; revoked: IssueItem[] }> {
  const { keystore } = writer;
  const { sink, requestId, requestHash } = request;
  await sink.stageKeys(slices, pool);
  const packed = packedCertificates(batch, slices, authority.id);
  const sha256 = await keystore.storePack(packed);
  let revoked: IssueItem[] = [];
  await writer.commit('issue', requestId, async () => {
    await sink.confirmStaged();
    requireIssuer(keystore, authority);
    revoked = await request.revokedAmong(batch.items);
    if (revoked.length > 0) return undefined;
    return { requestHash, reserve: batch.seq, pack: sha256, count: packed.length };
  });
  if (revoked.length > 0) return { made: [], revoked };
  const { certificates } = keystore;
  const made = packed.map(({ der }, i) => {
    const row = certificates.recent(batch.serials[i] as string);
    if (row === undefined) throw tampered('a certificate that was just committed is not in the log');
    return { row, der };
  });
  return { made, revoked };
}

/** The certificates of a batch, with what lint has read of each: the log need not read it again. */
function packedCertificates({ items, serials }: Reserved, slices: Made[], authority: string): PackedCertificate[] {
  const packed: PackedCertificate[] = [];
  for (const { ders, lengths, ends } of slices) {
    let at = 0;
    for (const [i, length] of lengths.entries()) {
      const { kind, name, plane, profile } = items[packed.length] as IssueItem;
      const serial = serials[packed.length] as string;
      const facts = { serial, authority, notBefore: ends[2 * i] as number, notAfter: ends[2 * i + 1] as number };
      packed.push({ kind, name, plane, profile, der: ders.subarray(at, at + length), facts });
      at += length;
    }
  }
  return packed;
}

async function freshSerials(writer: KeystoreWriter, count: number): Promise<string[]> {
  const random = randomBytes(20 * count);
  const serials = Array.from({ length: count }, (_, i) => {
    const octets = random.subarray(20 * i, 20 * i + 20);
    return toHex(newSerial(() => octets));
  });
  const taken = await writer.keystore.query((index) => index.anySerial(serials));
  return taken ? freshSerials(writer, count) : serials;
}

/** One certificate of a fleet is read by a second implementation: all of them come from the same code. */
async function opinion(slice: Made | undefined, issuer: Uint8Array): Promise<void> {
  if (slice === undefined) return;
  const { secondOpinion } = await import('../../authority/second-opinion.ts');
  const first = slice.ders.subarray(0, slice.lengths[0]);
  await secondOpinion(first, parseCertificate(issuer).publicKey, await loadCrypto());
}

function plainItem(item: IssueItem, serial: string): SliceItem {
  const { kind, name, plane, profile, dns, ip, role, keyType, lifetime, publicKey, wildcards } = item;
  return { kind, name, plane, profile, dns, ip, role, keyType, lifetime, publicKey, wildcards, serial };
}
