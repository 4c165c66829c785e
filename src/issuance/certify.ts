import { randomBytes } from '../crypto/hash.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { tampered } from '../keystore/canonical.ts';
import { type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import type { PackedCertificate } from '../keystore/pack.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { fromBase64, toHex } from '../pki/encoding.ts';
import { newSerial } from '../pki/serial.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { issueCommandFor } from '../what/holder.ts';
import { SliceMaker } from './batch/slice.ts';
import { fits } from './decide.ts';
import { describeItem, type IssueItem } from './item.ts';
import { checkItem } from './policy.ts';
import { requireIssuer } from './require-issuer.ts';

/** An item whose key is somebody else's: what a certification request asks for. */
export type CertifiedItem = IssueItem & { publicKey: Uint8Array };

export interface CertifyOptions {
  /** An operator has asked for it: one whose last certificate is revoked gets a new one. */
  afresh?: boolean;
}

/** What became of one: its certificate, made now or there already, or why there is none. */
export type Certified = { row: IssuedCertificate; der: Uint8Array; made: boolean } | { error: ClusterCaError };

/**
 * Certifies the keys of many requests with one reserve and one commit record: what they wait for is the disk, and they
 * wait for it together. Each is held against the policy by itself, and one that is refused does not stop the others.
 * The caller holds the turn among the writers. When it returns, what was made is durable.
 * @throws ERR_CLOCK, ERR_STORAGE, ERR_OUTCOME_UNKNOWN: then none was issued, as far as that can be told
 */
export async function certifyTogether(
  writer: KeystoreWriter,
  items: readonly CertifiedItem[],
  request: { requestId: string; requestHash: string },
  options: CertifyOptions = {},
): Promise<Certified[]> {
  const out = new Map<CertifiedItem, Certified>();
  const pending: CertifiedItem[] = [];
  for (const item of items) {
    const decided = await decide(writer, item, pending, options);
    if (decided === undefined) pending.push(item);
    else out.set(item, decided);
  }
  for (const [item, certified] of await makeAll(writer, pending, request)) out.set(item, certified);
  return items.map((item) => out.get(item) as Certified);
}

/** Undefined for one that is to be made. */
async function decide(
  writer: KeystoreWriter,
  item: CertifiedItem,
  pending: readonly CertifiedItem[],
  { afresh = false }: CertifyOptions,
): Promise<Certified | undefined> {
  const { keystore, options } = writer;
  const now = options.now();
  try {
    checkItem(item, { policy: keystore.state.policy, issuer: keystore.authorityCertificate(keystore.issuing.id), now });
    const current = await keystore.query((index) => index.current(item.kind, item.name, item.plane));
    if (!afresh && current !== undefined && statusOf(current, now) === 'revoked')
      throw new ClusterCaError('ERR_STATE', `${describeItem(item)} is revoked: it is not renewed`, {
        hint: `an operator gives it a new certificate: ${issueCommandFor(item)}`,
      });
    if (current !== undefined && (await fits(keystore, current, item, now)))
      return { row: current, der: await keystore.der(current), made: false };
    if (pending.some((one) => one.name === item.name && one.plane === item.plane && one.kind === item.kind))
      throw new ClusterCaError('ERR_STATE', `${describeItem(item)} is asked for twice at once`, {
        hint: 'ask again when the first request is answered',
      });
    return undefined;
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_POLICY', 'ERR_STATE')) throw error;
    return { error };
  }
}

async function makeAll(
  writer: KeystoreWriter,
  items: readonly CertifiedItem[],
  request: { requestId: string; requestHash: string },
): Promise<Map<CertifiedItem, Certified>> {
  if (items.length === 0) return new Map();
  try {
    return await make(writer, items, request);
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_LINT', 'ERR_POLICY')) throw error;
    if (items.length === 1) return new Map([[items[0] as CertifiedItem, { error }]]);
    // One of them cannot be signed: which, is found by making each alone.
    const out = new Map<CertifiedItem, Certified>();
    for (const item of items) for (const entry of await makeAll(writer, [item], request)) out.set(...entry);
    return out;
  }
}

async function make(
  writer: KeystoreWriter,
  items: readonly CertifiedItem[],
  { requestId, requestHash }: { requestId: string; requestHash: string },
): Promise<Map<CertifiedItem, Certified>> {
  const { keystore } = writer;
  const authority = keystore.issuing;
  const { id, certificate, keyType, sealed } = authority;
  const issuer = fromBase64(certificate);
  const serials = await freshSerials(writer, items.length);
  const reserve = await writer.commit('reserve', requestId, async () => ({ requestHash, serials }));
  if (reserve === undefined) throw tampered('a reserve record was not written');
  const maker = new SliceMaker({
    certificate: issuer,
    keyType,
    key: await writer.daily.batchKey(sealed),
    policy: keystore.state.policy,
    now: writer.options.now().getTime(),
  });
  const { ders, ends } = maker.make(items.map((item, i) => ({ ...item, serial: serials[i] as string })));
  await secondOpinionOn(ders[0] as Uint8Array, issuer);
  const packed = items.map(({ kind, name, plane, profile }, i): PackedCertificate => {
    const [notBefore, notAfter] = ends.subarray(2 * i, 2 * i + 2) as unknown as [number, number];
    const facts = { serial: serials[i] as string, authority: id, notBefore, notAfter };
    return { kind, name, plane, profile, der: ders[i] as Uint8Array, facts };
  });
  const pack = await keystore.storePack(packed);
  await writer.commit('issue', requestId, async () => {
    requireIssuer(keystore, authority);
    return { requestHash, reserve: reserve.seq, pack, count: packed.length };
  });
  const { certificates } = keystore;
  return new Map(
    items.flatMap((item, i): [CertifiedItem, Certified][] => {
      const row = certificates.recent(serials[i] as string);
      return row === undefined
        ? []
        : [[item, { row: { ...row, superseded: false }, der: ders[i] as Uint8Array, made: true }]];
    }),
  );
}

async function freshSerials(writer: KeystoreWriter, count: number): Promise<string[]> {
  const serials = Array.from({ length: count }, () => toHex(newSerial(randomBytes)));
  const taken = await writer.keystore.query((index) => index.anySerial(serials));
  return taken ? freshSerials(writer, count) : serials;
}

/** One of them is read by a second implementation: all come from the same code. */
async function secondOpinionOn(der: Uint8Array, issuer: Uint8Array): Promise<void> {
  const { secondOpinion } = await import('../authority/second-opinion.ts');
  await secondOpinion(der, parseCertificate(issuer).publicKey, await loadCrypto());
}
