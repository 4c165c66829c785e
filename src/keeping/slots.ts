import { ClusterCaError } from '../errors.ts';
import { makeSlot, type Secret } from '../keystore/envelope/slot.ts';
import type { Domain, SlotRef } from '../keystore/log/bodies.ts';
import { domainStore, type UnlockedDomain } from '../keystore/unlock.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';

const NAME = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** @throws ERR_USAGE */
export function checkSlotName(name: string): string {
  if (NAME.test(name)) return name;
  throw new ClusterCaError('ERR_USAGE', `not a slot's name: ${JSON.stringify(name)}`, {
    hint: 'lower-case letters, digits and dashes, at most 32',
  });
}

/** Adds a slot to a domain that is open. @throws ERR_EXISTS when the name is taken in it */
export async function addSlot(
  writer: KeystoreWriter,
  domain: UnlockedDomain,
  name: string,
  secret: Secret,
  requestId: string,
): Promise<SlotRef> {
  const slot = await storeSlot(writer, domain, name, secret);
  await writer.commit('slots', requestId, async () => {
    const { slots } = writer.keystore.state;
    await requireStored(writer, domain, slot.ref);
    if (slots.some((other) => other.name === name && other.domain === domain.domain))
      throw new ClusterCaError('ERR_EXISTS', `the ${domain.domain} domain has a slot ${name} already`, {
        hint: 'choose another name',
      });
    return { slots: [...slots, slot.ref] };
  });
  await storeAgain(writer, slot);
  return slot.ref;
}

/**
 * Finds the slot that a name means.
 * @param on ` --keystore DIR` for the hint, or nothing
 * @throws ERR_NOT_FOUND; ERR_USAGE when both domains have it and none was named
 */
export function findSlot(slots: readonly SlotRef[], name: string, domain: Domain | undefined, on = ''): SlotRef {
  const found = slots.filter((slot) => slot.name === name && (domain === undefined || slot.domain === domain));
  const [only] = found;
  if (only === undefined)
    throw new ClusterCaError(
      'ERR_NOT_FOUND',
      `there is no slot ${name}${domain === undefined ? '' : ` in the ${domain} domain`}`,
      { hint: `cluster-ca keystore slot list${on}` },
    );
  if (found.length > 1)
    throw new ClusterCaError('ERR_USAGE', `both domains have a slot ${name}`, {
      hint: 'say which: --domain daily or --domain root',
    });
  return only;
}

/** Removes a slot; its file goes when the record is durable. @throws ERR_STATE for the last one of a domain */
export async function removeSlot(writer: KeystoreWriter, slot: SlotRef, requestId: string): Promise<void> {
  await writer.commit('slots', requestId, async () => {
    const { slots } = writer.keystore.state;
    if (!slots.some(({ id }) => id === slot.id)) return undefined;
    if (slots.filter(({ domain }) => domain === slot.domain).length === 1)
      throw new ClusterCaError(
        'ERR_STATE',
        `${slot.name} is the last slot of the ${slot.domain} domain: without it nothing opens the domain`,
        {
          hint: `add another first: cluster-ca keystore slot add NAME --domain ${slot.domain}`,
        },
      );
    return { slots: slots.filter(({ id }) => id !== slot.id) };
  });
  await domainStore(writer.keystore, slot.domain).deleteBlob('slots', slot.id);
}

/** Gives the slots that a secret opened a new one: new files first, one record, then the old files go. */
export async function changePassphrase(
  writer: KeystoreWriter,
  domains: UnlockedDomain[],
  secret: Secret,
  requestId: string,
): Promise<SlotRef[]> {
  const replaced: { old: SlotRef; made: MadeSlot }[] = [];
  for (const domain of domains)
    replaced.push({ old: domain.slot, made: await storeSlot(writer, domain, domain.slot.name, secret) });
  await writer.commit('slots', requestId, async () => {
    const { slots } = writer.keystore.state;
    for (const { old } of replaced)
      if (!slots.some(({ id }) => id === old.id))
        throw new ClusterCaError('ERR_STATE', `the slot ${old.name} was changed by somebody else`);
    for (const [i, { made }] of replaced.entries()) await requireStored(writer, domains[i] as UnlockedDomain, made.ref);
    return { slots: slots.map((slot) => replaced.find(({ old }) => old.id === slot.id)?.made.ref ?? slot) };
  });
  for (const { made } of replaced) await storeAgain(writer, made);
  for (const { old } of replaced) await domainStore(writer.keystore, old.domain).deleteBlob('slots', old.id);
  return replaced.map(({ made }) => made.ref);
}

type MadeSlot = Awaited<ReturnType<typeof makeSlot>>;

/** Between making a slot and naming it new master keys may have come, and with them an end to what no record named. */
async function requireStored(writer: KeystoreWriter, domain: UnlockedDomain, slot: SlotRef): Promise<void> {
  domain.requireEpoch();
  if ((await domainStore(writer.keystore, slot.domain).readBlob('slots', slot.id)) === undefined)
    throw new ClusterCaError('ERR_STATE', `the new slot ${slot.name} was removed before it was recorded`, {
      hint: 'run the same command again',
    });
}

async function storeSlot(
  writer: KeystoreWriter,
  domain: UnlockedDomain,
  name: string,
  secret: Secret,
): Promise<MadeSlot> {
  const { keystore } = writer;
  const now = new Date(Math.max(writer.options.now().getTime(), keystore.state.time));
  const slot = await domain.withMasterKey((masterKey) =>
    makeSlot(keystore.identity.id, name, domain.domain, secret, masterKey, domain.epoch, now),
  );
  await domainStore(keystore, domain.domain).createBlob('slots', slot.ref.id, slot.bytes);
  return slot;
}

/**
 * Between the last look at it and its record another process may have taken its file for one that nobody names, where this
 * one slept meanwhile. That it is there already is a success.
 */
async function storeAgain({ keystore }: KeystoreWriter, { ref, bytes }: MadeSlot): Promise<void> {
  await domainStore(keystore, ref.domain).createBlob('slots', ref.id, bytes);
}
