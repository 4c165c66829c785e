import { randomBytes } from '../../crypto/hash.ts';
import { loadCrypto } from '../../crypto/webcrypto.ts';
import { tampered } from '../../keystore/canonical.ts';
import type { CertificateRow } from '../../keystore/certificates/row.ts';
import { trustBundle } from '../../keystore/public.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { fromBase64, toHex } from '../../pki/encoding.ts';
import { encodePem } from '../../pki/pem.ts';
import { newSerial } from '../../pki/serial.ts';
import { parseCertificate } from '../../pki/x509/certificate.ts';
import type { FileAccess } from '../../placement/place.ts';
import type { IssueItem } from '../item.ts';
import { openPool, type Pool } from './pool.ts';
import type { Sink, Slice, Unplaced } from './sink.ts';
import { splitDers } from './slice.ts';

/** Certificates of one reserve and one commit record. */
export const BATCH = 2000;
/** Certificates that a worker makes before it answers. */
const SLICE = 250;

export interface FleetRequest {
  items: IssueItem[];
  access: FileAccess;
  requestId: string;
  requestHash: string;
  sink: Sink;
  onProgress: (done: number, total: number) => void;
}

/** What became of a fleet: the certificates in the items' order, and the items whose files could not be written. */
export interface FleetResult {
  made: { item: IssueItem; row: CertificateRow; der: Uint8Array }[];
  unplaced: Unplaced[];
}

interface Reserved {
  seq: number;
  serials: string[];
  items: IssueItem[];
  slices: Slice[];
  made: Promise<{ ders: Uint8Array[]; keys: Uint8Array }[]>;
}

/**
 * Issues a fleet, batch by batch: stage → reserve → sign → store → commit → place, as for one certificate, with one
 * reserve and one commit record a batch. While a batch is committed and placed, the next one is being signed.
 */
export async function issueFleet(writer: KeystoreWriter, request: FleetRequest): Promise<FleetResult> {
  const { keystore } = writer;
  const { items, access } = request;
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
      issuing: encodePem('CERTIFICATE', certificate),
      trustBundle: trustBundle(keystore, now),
      access,
      seconds: Math.floor(now.getTime() / 1000),
    },
  });
  const result: FleetResult = { made: [], unplaced: [] };
  try {
    let next = await reserve(writer, request, pool, 0);
    for (let at = 0; next !== undefined; at += BATCH) {
      const batch: Reserved = next;
      const slices = await batch.made;
      if (at === 0) await opinion(slices[0]?.ders[0], certificate);
      next = await reserve(writer, request, pool, at + BATCH);
      await commit(writer, request, batch, slices, result);
      result.unplaced.push(...(await request.sink.place(batch.slices, pool)));
      request.onProgress(Math.min(at + BATCH, items.length), items.length);
    }
    await request.sink.finish();
  } finally {
    await pool.close();
  }
  return result;
}

/** Sets the serials of a batch aside, and has its slices made. */
async function reserve(
  writer: KeystoreWriter,
  request: FleetRequest,
  pool: Pool,
  at: number,
): Promise<Reserved | undefined> {
  const items = request.items.slice(at, at + BATCH);
  if (items.length === 0) return undefined;
  const serials = await freshSerials(writer, items.length);
  const { requestId, requestHash } = request;
  const record = await writer.commit('reserve', requestId, async () => ({ requestHash, serials }));
  if (record === undefined) throw tampered('a reserve record was not written');
  const slices: Slice[] = [];
  const made: Promise<{ ders: Uint8Array[]; keys: Uint8Array }>[] = [];
  for (let from = 0; from < items.length; from += SLICE) {
    const id = (at + from) / SLICE;
    const part = items.slice(from, from + SLICE);
    slices.push({ id, holdings: part.map(({ kind, name, plane }) => ({ kind, name, plane })) });
    const plain = part.map((item, i) => ({ ...plainItem(item), serial: serials[from + i] as string }));
    made.push(
      pool
        .ask({ type: 'make', id, items: plain }, 'made')
        .then((reply) => ({ ders: splitDers(reply), keys: reply.keys })),
    );
  }
  const all = Promise.all(made);
  // It is awaited in its turn; until then its failure is nobody's unhandled one.
  all.catch(() => {});
  return { seq: record.seq, serials, items, slices, made: all };
}

async function commit(
  writer: KeystoreWriter,
  request: FleetRequest,
  batch: Reserved,
  slices: { ders: Uint8Array[]; keys: Uint8Array }[],
  result: FleetResult,
): Promise<void> {
  const { keystore } = writer;
  const { sink, requestId, requestHash } = request;
  const authority = keystore.issuing.id;
  const ders = slices.flatMap((slice) => slice.ders);
  await sink.stageKeys(slices.map((slice) => slice.keys));
  const sha256 = await keystore.storePack(
    batch.items.map(({ kind, name, plane, profile }, i) => ({
      kind,
      name,
      plane,
      profile,
      der: ders[i] as Uint8Array,
    })),
  );
  await writer.commit('issue', requestId, async () => {
    await sink.confirmStaged();
    if (keystore.issuing.id !== authority)
      throw tampered('the issuing CA changed while certificates were being signed');
    return { requestHash, reserve: batch.seq, pack: sha256, count: ders.length };
  });
  for (const slice of slices) slice.keys.fill(0);
  for (const [i, item] of batch.items.entries()) {
    const row = keystore.certificates.recent(batch.serials[i] as string);
    if (row !== undefined) result.made.push({ item, row, der: ders[i] as Uint8Array });
  }
}

async function freshSerials(writer: KeystoreWriter, count: number): Promise<string[]> {
  const random = randomBytes(20 * count);
  const serials = Array.from({ length: count }, (_, i) => toHex(newSerial(() => random.slice(20 * i, 20 * i + 20))));
  for (const serial of serials)
    if ((await writer.keystore.query((index) => index.bySerial(serial))) !== undefined)
      return freshSerials(writer, count);
  return serials;
}

/** One certificate of a fleet is read by a second implementation: all of them come from the same code. */
async function opinion(der: Uint8Array | undefined, issuer: Uint8Array): Promise<void> {
  if (der === undefined) return;
  const { secondOpinion } = await import('../../authority/second-opinion.ts');
  await secondOpinion(der, parseCertificate(issuer).publicKey, await loadCrypto());
}

function plainItem({ kind, name, plane, profile, dns, ip, role, keyType, lifetime, publicKey, wildcards }: IssueItem) {
  return { kind, name, plane, profile, dns, ip, role, keyType, lifetime, publicKey, wildcards };
}
