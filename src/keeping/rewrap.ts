import { randomBytes } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { resealKey, sealedName } from '../keystore/envelope/sealed-key.ts';
import { makeSlot, openSlot, type Secret } from '../keystore/envelope/slot.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Domain, SealedKeyRef, SlotRef } from '../keystore/log/bodies.ts';
import { sealedKeys } from '../keystore/log/rewrap.ts';
import { domainStore, type UnlockedDomain } from '../keystore/unlock.ts';
import { removeUnnamed } from '../keystore/unnamed.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';

/** A domain that gets a new master key. */
export interface DomainPlan {
  domain: UnlockedDomain;
  /** The slots that are made anew, each with the secret that opens it now. */
  kept: { slot: SlotRef; secret: Secret }[];
  /** Those that nothing given opens: they fall away. */
  dropped: SlotRef[];
}

/**
 * Which slots of an open domain can be made anew with these secrets.
 * @throws ERR_KEYSTORE_TAMPERED
 */
export async function planDomain(keystore: Keystore, domain: UnlockedDomain, secrets: Secret[]): Promise<DomainPlan> {
  const plan: DomainPlan = { domain, kept: [], dropped: [] };
  const store = domainStore(keystore, domain.domain);
  for (const slot of keystore.state.slots.filter((slot) => slot.domain === domain.domain)) {
    const secret = await openedBy(keystore, slot, await store.readBlob('slots', slot.id), secrets);
    if (secret === undefined) plan.dropped.push(slot);
    else plan.kept.push({ slot, secret });
  }
  return plan;
}

async function openedBy(
  keystore: Keystore,
  slot: SlotRef,
  bytes: Uint8Array | undefined,
  secrets: Secret[],
): Promise<Secret | undefined> {
  for (const secret of secrets.filter(({ kind }) => kind === slot.kind)) {
    const opened = await openSlot(keystore.identity.id, slot, bytes, secret);
    opened?.masterKey.fill(0);
    if (opened !== undefined) return secret;
  }
  return undefined;
}

/**
 * Gives domains new master keys: new slots and the same private keys sealed anew, durably; one record; then the old
 * files go, and whatever else of these domains no record names. Killed before the record, everything is as it was.
 * @returns each domain with the epoch of its new master key
 * @throws ERR_STATE when slots or keys were changed by somebody else since the plan was made; ERR_STORAGE
 */
export async function rewrap(
  writer: KeystoreWriter,
  plans: readonly DomainPlan[],
  requestId: string,
): Promise<{ domain: Domain; epoch: number }[]> {
  const { keystore } = writer;
  const before = fingerprint(keystore);
  for (const { domain } of plans) domain.requireEpoch();
  const seals = new Map<string, SealedKeyRef>();
  const slots = new Map<string, SlotRef>();
  const made: { domain: Domain; epoch: number }[] = [];
  for (const plan of plans) made.push(await wrapDomain(writer, plan, seals, slots));
  await writer.commit('rewrap', requestId, async () => {
    if (fingerprint(keystore) !== before || !isAsPlanned(keystore, plans))
      throw new ClusterCaError('ERR_STATE', 'slots or keys were changed by somebody else', {
        hint: 'run the same command again',
      });
    const { authorities, audit, slots: live } = keystore.state;
    const auditSeal = seals.get(audit.sealed.keyId);
    const domains = new Set(made.map(({ domain }) => domain));
    return {
      ...(auditSeal === undefined ? {} : { audit: auditSeal }),
      authorities: authorities.flatMap(({ id, sealed }) => {
        const seal = seals.get(sealed.keyId);
        return seal === undefined ? [] : [{ id, sealed: seal }];
      }),
      slots: live.flatMap((slot) => (domains.has(slot.domain) ? (slots.get(slot.id) ?? []) : slot)),
    };
  });
  await removeUnnamed(keystore, ({ domain }) => made.some((one) => one.domain === domain));
  return made;
}

/**
 * Seals the keys of a domain anew under a new master key, and makes its slots anew, durably. Nothing is recorded.
 * @param seals is told where each key is sealed, by its id
 * @param slots is told of the slot that comes for each, by the id of the one before
 * @param without names of sealed files that are left as they are: of keys that are about to be destroyed
 */
export async function wrapDomain(
  writer: KeystoreWriter,
  { domain, kept }: DomainPlan,
  seals: Map<string, SealedKeyRef>,
  slots: Map<string, SlotRef>,
  without: readonly string[] = [],
): Promise<{ domain: Domain; epoch: number }> {
  const { keystore } = writer;
  const { id } = keystore.identity;
  const store = domainStore(keystore, domain.domain);
  const own = sealedKeys(keystore.state).filter((ref) => ref.domain === domain.domain);
  const refs = own.filter((ref) => !without.includes(sealedName(ref)));
  const epoch = nextEpoch(domain.epoch, own, await store.listBlobs('sealed'));
  const now = new Date(Math.max(writer.options.now().getTime(), keystore.state.time));
  const masterKey = randomBytes(32);
  try {
    for (const { slot, secret } of kept) {
      const made = await makeSlot(id, slot.name, slot.domain, secret, masterKey, epoch, now);
      await store.createBlob('slots', made.ref.id, made.bytes);
      slots.set(slot.id, made.ref);
    }
    for (const ref of refs) {
      const bytes = await store.readBlob('sealed', sealedName(ref));
      const { ref: moved, bytes: sealed } = await domain.withMasterKey(async (old) =>
        resealKey(id, ref, bytes, old, { masterKey, epoch }),
      );
      await store.createBlob('sealed', sealedName(moved), sealed);
      seals.set(ref.keyId, moved);
    }
  } finally {
    masterKey.fill(0);
  }
  return { domain: domain.domain, epoch };
}

/** One that no file of these keys has: a rewrap that was killed before its record may have left some. */
function nextEpoch(current: number, refs: readonly SealedKeyRef[], names: readonly string[]): number {
  const ids = new Set(refs.map(({ keyId }) => keyId));
  const taken = names.flatMap((name) => {
    const match = /^([0-9a-f]{32})\.(\d{1,15})$/.exec(name);
    return match !== null && ids.has(match[1] as string) ? [Number(match[2])] : [];
  });
  return Math.max(current, ...taken) + 1;
}

/** What a rewrap rests on: which slots are live, and where the keys are sealed. */
function fingerprint({ state }: Keystore): string {
  return [...state.slots.map(({ id }) => id), ...sealedKeys(state).map(sealedName)].join();
}

/** Whether the slots of these domains are those that the plans were made for. */
export function isAsPlanned({ state }: Keystore, plans: readonly DomainPlan[]): boolean {
  return plans.every(({ domain, kept, dropped }) => {
    const planned = new Set([...kept.map(({ slot }) => slot.id), ...dropped.map(({ id }) => id)]);
    const live = state.slots.filter((slot) => slot.domain === domain.domain);
    return live.length === planned.size && live.every(({ id }) => planned.has(id));
  });
}
