import { sealedName } from './envelope/sealed-key.ts';
import type { Keystore } from './keystore.ts';
import type { Domain } from './log/bodies.ts';
import { domainStore } from './unlock.ts';

/**
 * Removes the files of keys that the log says were destroyed: right behind the record, and, where a crash came between,
 * by every later writer. Those of a root domain that is kept elsewhere go when its place is at hand.
 * @throws ERR_STORAGE
 */
export async function removeDestroyed(keystore: Keystore): Promise<void> {
  for (const { domain, name } of destroyedWithin(keystore))
    await domainStore(keystore, domain).deleteBlob('sealed', name);
}

/** Whether such files are still there. @throws ERR_STORAGE */
export async function hasDestroyed(keystore: Keystore): Promise<boolean> {
  for (const { domain, name } of destroyedWithin(keystore))
    if ((await domainStore(keystore, domain).readBlob('sealed', name)) !== undefined) return true;
  return false;
}

/** The sealed keys that the log says were destroyed, of the places that are at hand. */
function destroyedWithin({ state, identity, options }: Keystore): { domain: Domain; name: string }[] {
  const { authorities, destroyed = [] } = state;
  return authorities
    .filter(({ id }) => destroyed.includes(id))
    .filter(
      ({ sealed: { domain } }) => domain === 'daily' || !identity.rootElsewhere || options.rootStore !== undefined,
    )
    .map(({ sealed }) => ({ domain: sealed.domain, name: sealedName(sealed) }));
}
