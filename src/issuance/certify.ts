import { randomBytes } from '../crypto/hash.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { tampered } from '../keystore/canonical.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
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
export type CertifiedItem = IssueItem & {
  publicKey: Uint8Array;
  /** The serial number of the certificate that it was asked for with: once that is revoked, nothing is certified. */
  askedWith?: string;
};

export interface CertifyOptions {
  /** An operator has asked for it: one whose last certificate is revoked gets a new one. */
  afresh?: boolean;
  /** Asked on the log that the record is to follow; what it throws stops all of it. */
  confirm?: () => Promise<void>;
}

/** What became of one: its certificate, made now or there already, or why there is none. */
export type Certified = { row: IssuedCertificate; der: Uint8Array; made: boolean } | { error: ClusterCaError };

/**
 * Certifies the keys of many requests with one reserve and one commit record: what they wait for is the disk, and they
 * wait for it together. Each is held against the policy by itself, and one that is refused does not stop the others.
 * The caller holds the turn among the writers. When it returns, what was made is durable. One that was revoked while it
 * was being made is refused as one that was before.
 * @throws what `confirm` throws; ERR_CLOCK, ERR_STORAGE, ERR_OUTCOME_UNKNOWN: then none was issued, as far as that can be told
 */
export async function certifyTogether(
  writer: KeystoreWriter,
  items: readonly CertifiedItem[],
  request: { requestId: string; requestHash: string },
  options: CertifyOptions = {},
): Promise<Certified[]> {
  const out = new Map<CertifiedItem, Certified>();
  const pending: CertifiedItem[] = [];
  const mark = writer.keystore.revocationMark;
  const confirm = async (some: readonly CertifiedItem[]): Promise<Map<CertifiedItem, Certified>> => {
    await options.confirm?.();
    return writer.keystore.hasNoRevocationSince(mark) ? new Map() : refusals(writer, some, options);
  };
  for (const item of items) {
    const decided = await decide(writer, item, pending, options);
    if (decided === undefined) pending.push(item);
    else out.set(item, decided);
  }
  for (const [item, certified] of await makeAll(writer, pending, request, confirm)) out.set(item, certified);
  return items.map((item) => out.get(item) as Certified);
}

/** Undefined for one that is to be made. */
async function decide(
  writer: KeystoreWriter,
  item: CertifiedItem,
  pending: readonly CertifiedItem[],
  options: CertifyOptions,
): Promise<Certified | undefined> {
  const { keystore } = writer;
  const now = writer.options.now();
  try {
    checkItem(item, { policy: keystore.state.policy, issuer: keystore.authorityCertificate(keystore.issuing.id), now });
    const current = await keystore.query((index) => index.current(item.kind, item.name, item.plane));
    if (await isRevoked(keystore, item, current, options)) throw notRenewed(item);
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

/** Whether its last certificate on the plane is revoked, which an operator can pass over, or the one that it asks with. */
async function isRevoked(
  keystore: Keystore,
  { askedWith }: CertifiedItem,
  current: IssuedCertificate | undefined,
  { afresh = false }: CertifyOptions,
): Promise<boolean> {
  if (!afresh && current?.revoked !== undefined) return true;
  if (askedWith === undefined || askedWith === current?.serial) return false;
  return (await keystore.query((index) => index.bySerial(askedWith)))?.revoked !== undefined;
}

function notRenewed(item: CertifiedItem): ClusterCaError {
  return new ClusterCaError('ERR_STATE', `${describeItem(item)} is revoked: it is not renewed`, {
    hint: `an operator gives it a new certificate: ${issueCommandFor(item)}`,
  });
}

/** Those of the items who are revoked on the log as it was read, each with why it is refused. */
async function refusals(
  { keystore }: KeystoreWriter,
  items: readonly CertifiedItem[],
  options: CertifyOptions,
): Promise<Map<CertifiedItem, Certified>> {
  const refused = new Map<CertifiedItem, Certified>();
  for (const item of items) {
    const current = await keystore.query((index) => index.current(item.kind, item.name, item.plane));
    if (await isRevoked(keystore, item, current, options)) refused.set(item, { error: notRenewed(item) });
  }
  return refused;
}

/** Asked on the log that the record is to follow. @returns who may not be issued to any more */
type Confirm = (items: readonly CertifiedItem[]) => Promise<Map<CertifiedItem, Certified>>;

async function makeAll(
  writer: KeystoreWriter,
  items: readonly CertifiedItem[],
  request: { requestId: string; requestHash: string },
  confirm: Confirm,
): Promise<Map<CertifiedItem, Certified>> {
  if (items.length === 0) return new Map();
  try {
    const { made, refused } = await make(writer, items, request, confirm);
    if (refused.size === 0) return made;
    // Its serials are burnt: the others are made anew.
    const left = items.filter((item) => !refused.has(item));
    return new Map([...refused, ...(await makeAll(writer, left, request, confirm))]);
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_LINT', 'ERR_POLICY')) throw error;
    if (items.length === 1) return new Map([[items[0] as CertifiedItem, { error }]]);
    // One of them cannot be signed: which, is found by making each alone.
    const out = new Map<CertifiedItem, Certified>();
    for (const item of items) for (const entry of await makeAll(writer, [item], request, confirm)) out.set(...entry);
    return out;
  }
}

async function make(
  writer: KeystoreWriter,
  items: readonly CertifiedItem[],
  { requestId, requestHash }: { requestId: string; requestHash: string },
  confirm: Confirm,
): Promise<{ made: Map<CertifiedItem, Certified>; refused: Map<CertifiedItem, Certified> }> {
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
  let refused = new Map<CertifiedItem, Certified>();
  await writer.commit('issue', requestId, async () => {
    requireIssuer(keystore, authority);
    refused = await confirm(items);
    if (refused.size > 0) return undefined;
    return { requestHash, reserve: reserve.seq, pack, count: packed.length };
  });
  if (refused.size > 0) return { made: new Map(), refused };
  const { certificates } = keystore;
  const made = new Map(
    items.flatMap((item, i): [CertifiedItem, Certified][] => {
      const row = certificates.recent(serials[i] as string);
      return row === undefined
        ? []
        : [[item, { row: { ...row, superseded: false }, der: ders[i] as Uint8Array, made: true }]];
    }),
  );
  return { made, refused };
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
