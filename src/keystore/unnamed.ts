import { isClusterCaError } from '../errors.ts';
import { decodeCanonicalFile } from './canonical.ts';
import { sealedName } from './envelope/sealed-key.ts';
import type { Keystore } from './keystore.ts';
import type { Domain } from './log/bodies.ts';
import { domainEpoch, sealedKeys } from './log/rewrap.ts';

const DAY = 86_400_000;

/** A slot or sealed key that no record names any more, or not yet. */
export interface Unnamed {
  domain: Domain;
  epoch: number;
  /** Of a slot. */
  createdAt?: Date;
}

/**
 * Removes slots and sealed keys that the log does not name: what was replaced, or never came to be named because its
 * process was killed. They still open with the secrets that they were made for.
 * @param isDead must be false of what another process may be about to name
 * @throws ERR_STORAGE
 */
export async function removeUnnamed(keystore: Keystore, isDead: (file: Unnamed) => boolean): Promise<void> {
  for await (const { place, family, name, file } of unnamed(keystore))
    if (isDead(file)) await place.deleteBlob(family, name);
}

/** Whether such files are there: a writer's next turn would remove them. @throws ERR_STORAGE */
export async function hasUnnamed(keystore: Keystore, isDead: (file: Unnamed) => boolean): Promise<boolean> {
  for await (const { file } of unnamed(keystore)) if (isDead(file)) return true;
  return false;
}

async function* unnamed({ state, store, options }: Keystore) {
  const named = new Set([...state.slots.map(({ id }) => id), ...sealedKeys(state).map(sealedName)]);
  for (const place of options.rootStore === undefined ? [store] : [store, options.rootStore])
    for (const family of ['slots', 'sealed'] as const)
      for (const name of await place.listBlobs(family)) {
        if (named.has(name)) continue;
        const file = read(await place.readBlob(family, name));
        if (file !== undefined) yield { place, family, name, file };
      }
}

/**
 * Whether a file is certainly of the past: sealed before the last rewrap, or a slot that nobody named for a day. The day
 * counts by the clock and by the log: a wrong clock alone must not end a slot that another process is about to name.
 * @param logged the time of the log before this process wrote to it, in milliseconds since 1970
 */
export function isOfThePast({ state }: Keystore, now: Date, logged: number): (file: Unnamed) => boolean {
  const by = Math.min(now.getTime(), logged);
  return ({ domain, epoch, createdAt }) =>
    epoch < (domainEpoch(state, domain) ?? 0) || (createdAt !== undefined && by - createdAt.getTime() > DAY);
}

/** What a slot or sealed key says of itself; undefined for anything else, which is left alone. */
function read(bytes: Uint8Array | undefined): Unnamed | undefined {
  if (bytes === undefined) return undefined;
  try {
    const file = decodeCanonicalFile(bytes, 'a file that no record names');
    if (typeof file !== 'object' || file === null || Array.isArray(file)) return undefined;
    const { domain, epoch, createdAt } = file;
    if ((domain !== 'daily' && domain !== 'root') || typeof epoch !== 'number') return undefined;
    return { domain, epoch, ...(typeof createdAt === 'string' ? { createdAt: new Date(createdAt) } : {}) };
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_KEYSTORE_TAMPERED')) throw error;
    return undefined;
  }
}
