import { signTemplate } from '../authority/make.ts';
import { randomBytes, sha256 } from '../crypto/hash.ts';
import { tampered } from '../keystore/canonical.ts';
import type { Authority } from '../keystore/log/bodies.ts';
import type { PackedCertificate } from '../keystore/pack.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { newSerial } from '../pki/serial.ts';
import type { Signer } from '../pki/signer.ts';
import type { Validity } from '../pki/validity.ts';
import { requireIssuer } from './require-issuer.ts';
import { type SignedItem, templateOf } from './template.ts';

/** Certificates of one reserve and one commit record. */
export const BATCH = 500;

/** An item with the public key it is to be certified for. */
export interface KeyedItem {
  item: SignedItem;
  publicKey: Uint8Array;
  /** Where it is not the lifetime's: a probe's. */
  validity?: Validity;
}

export interface BatchContext {
  writer: KeystoreWriter;
  signer: Signer;
  crypto: Crypto;
  requestId: string;
  requestHash: string;
  /** Who signs; without it whoever signs certificates of nodes now. */
  authority?: Authority;
  /** Looked at again, on the newest log, before the commit: throws when the batch may not be issued any more. */
  confirm: () => Promise<void>;
  /** Whether, on that log, what the batch was decided on still holds; without it nothing can have changed. */
  holds?: () => Promise<boolean>;
}

/**
 * Reserves serials, signs, stores and commits. When it returns, the certificates are durable; when it throws, none
 * was issued (unless the error says that the outcome is unknown), and the serials are burnt.
 * @returns the certificates' DER in the items' order; none where `holds` said no: then none was issued either
 */
export async function signBatch(items: KeyedItem[], context: BatchContext): Promise<Uint8Array[]> {
  const { writer, requestId, requestHash } = context;
  const serials = await freshSerials(writer, items.length);
  const reserve = await writer.commit('reserve', requestId, async () => ({ requestHash, serials: serials.map(toHex) }));
  if (reserve === undefined) throw tampered('a reserve record was not written');
  const authority = context.authority ?? writer.keystore.issuing;
  const packed: PackedCertificate[] = [];
  for (const [i, keyed] of items.entries())
    packed.push({ ...holder(keyed.item), der: await signOne(keyed, serials[i] as Uint8Array, authority, context) });
  const sha = await writer.keystore.storePack(packed);
  const issued = await writer.commit('issue', requestId, async () => {
    await context.confirm();
    requireIssuer(writer.keystore, authority, context.authority !== undefined);
    if (context.holds !== undefined && !(await context.holds())) return undefined;
    return { requestHash, reserve: reserve.seq, pack: sha, count: packed.length };
  });
  return issued === undefined ? [] : packed.map(({ der }) => der);
}

async function signOne(
  { item, publicKey, validity }: KeyedItem,
  serialNumber: Uint8Array,
  authority: Authority,
  context: BatchContext,
): Promise<Uint8Array> {
  const { writer, signer, crypto } = context;
  const { keystore } = writer;
  const issuer = keystore.authorityCertificate(authority.id);
  const template = templateOf(item, serialNumber, publicKey, {
    policy: keystore.state.policy,
    issuer,
    keyType: signer.keyType,
    now: writer.options.now(),
    sha256: (data) => sha256(data),
    ...(validity === undefined ? {} : { validity }),
  });
  return (await signTemplate(template, issuer, signer, crypto)).der;
}

function holder(item: SignedItem): Omit<PackedCertificate, 'der'> {
  return { kind: item.kind, name: item.name, plane: item.plane, profile: item.profile };
}

/** Serials that no certificate of this keystore has. */
async function freshSerials(writer: KeystoreWriter, count: number): Promise<Uint8Array[]> {
  const serials: Uint8Array[] = [];
  while (serials.length < count) {
    const serial = newSerial(randomBytes);
    const known = await writer.keystore.query((index) => index.bySerial(toHex(serial)));
    if (known === undefined) serials.push(serial);
  }
  return serials;
}
