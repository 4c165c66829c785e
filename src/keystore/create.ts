import { randomBytes, sha256Hex } from '../crypto/hash.ts';
import type { TokenKey } from '../crypto/token/token.ts';
import type { GeneratedKey } from '../pki/key.ts';
import type { Signer } from '../pki/signer.ts';
import { Building, finishBoth } from './creation/building.ts';
import { forgetRootPlace, noteRootPlace, sweepPlaces } from './creation/leftovers.ts';
import { checkPlacesAreFree } from './creation/place.ts';
import type { ExternalKey } from './envelope/external-key.ts';
import { sealedName, storeKey } from './envelope/sealed-key.ts';
import { makeSlot, type Secret } from './envelope/slot.ts';
import { encodeIdentity, type Identity } from './identity.ts';
import type { Bodies, Domain, SealedKeyRef, SlotRef } from './log/bodies.ts';
import { encodeRecord, type LogRecord, RECORD_LIMIT } from './log/record.ts';

export interface CreateOptions {
  location: string;
  /** Where the root domain's slots and sealed keys go, when not into the keystore. */
  rootLocation: string | undefined;
  groupRead: boolean;
  now: Date;
  actor: string;
  requestId: string;
  /** What opens each domain: one slot for each secret. */
  secrets: Record<Domain, { name: string; secret: Secret }[]>;
  auditKey: GeneratedKey;
  auditSigner: Signer;
  /** The keys to be sealed, or that are in a token, by the authority's id, and their domains. */
  keys: { id: string; domain: Domain; key: GeneratedKey | TokenKey | ExternalKey }[];
  /** The body of record 0, once the keys are sealed and the slots made. */
  body: (sealed: Map<string, SealedKeyRef>, audit: SealedKeyRef, slots: SlotRef[]) => Bodies['init'];
  /** The first CRLs and their hashes. */
  objects: { sha256: string; der: Uint8Array }[];
}

/**
 * Builds a keystore beside its place and renames it there. Either it is there whole afterwards, or not at all.
 * @throws ERR_EXISTS, ERR_STORAGE
 */
export async function createKeystore(options: CreateOptions): Promise<Identity> {
  const { location, rootLocation, groupRead } = options;
  await checkPlacesAreFree(location, rootLocation);
  await sweepPlaces(location, rootLocation);
  const identity: Identity = {
    type: 'cluster-ca keystore',
    format: 1,
    id: Buffer.from(randomBytes(16)).toString('hex'),
    auditKey: Buffer.from(options.auditKey.spki).toString('base64'),
    groupRead,
    rootElsewhere: rootLocation !== undefined,
  };
  const main = await Building.begin(location, groupRead);
  let root: Building | undefined;
  try {
    root = rootLocation === undefined ? undefined : await Building.begin(rootLocation, false, ['slots', 'sealed']);
    await fill(options, identity, main, root);
    if (root !== undefined) await noteRootPlace(main.store.location, root.location);
    await finishBoth(main, root, groupRead);
    await forgetRootPlace(location);
  } catch (error) {
    await main.abandon();
    await root?.abandon();
    throw error;
  }
  return identity;
}

async function fill(
  options: CreateOptions,
  identity: Identity,
  main: Building,
  root: Building | undefined,
): Promise<void> {
  const identityBytes = encodeIdentity(identity);
  await main.store.checkWritable();
  await main.writeIdentity(identityBytes, identity.groupRead);
  await root?.writeIdentity(identityBytes, false);
  const slots: SlotRef[] = [];
  const masters: Record<Domain, Uint8Array> = { daily: randomBytes(32), root: randomBytes(32) };
  const storeOf = (domain: Domain) => (domain === 'root' && root !== undefined ? root : main).store;
  try {
    for (const domain of ['daily', 'root'] as const)
      for (const { name, secret } of options.secrets[domain]) {
        const slot = await makeSlot(identity.id, name, domain, secret, masters[domain], 1, options.now);
        await storeOf(domain).createBlob('slots', slot.ref.id, slot.bytes);
        slots.push(slot.ref);
      }
    const sealed = new Map<string, SealedKeyRef>();
    const wrap = async (domain: Domain, key: GeneratedKey | TokenKey | ExternalKey): Promise<SealedKeyRef> => {
      const { ref, bytes } = storeKey(identity.id, { domain, epoch: 1 }, masters[domain], key);
      await storeOf(domain).createBlob('sealed', sealedName(ref), bytes);
      return ref;
    };
    for (const { id, domain, key } of options.keys) sealed.set(id, await wrap(domain, key));
    const audit = await wrap('daily', options.auditKey);
    for (const { sha256, der } of options.objects) await main.store.putObject(sha256, der);
    const entry: LogRecord = {
      v: 1,
      seq: 0,
      prev: sha256Hex(identityBytes),
      time: options.now.toISOString(),
      epoch: 0,
      actor: options.actor,
      op: 'init',
      requestId: options.requestId,
      body: options.body(sealed, audit, slots),
    };
    await main.store.append(0, await encodeRecord(identity.id, entry, options.auditSigner));
    await main.store.holdRoom(2 * Math.max(0, ...options.objects.map(({ der }) => der.length)) + RECORD_LIMIT);
  } finally {
    masters.daily.fill(0);
    masters.root.fill(0);
  }
}
