import { sealedName } from './envelope/sealed-key.ts';
import type { Keystore } from './keystore.ts';
import { domainStore } from './unlock.ts';

/**
 * Removes the files of keys that the log says were destroyed: right behind the record, and, where a crash came between,
 * by every later writer. Those of a root domain that is kept elsewhere go when its place is at hand.
 * @throws ERR_STORAGE
 */
export async function removeDestroyed(keystore: Keystore): Promise<void> {
  const { state, identity, options } = keystore;
  for (const { id, sealed } of state.authorities) {
    if (!state.destroyed?.includes(id)) continue;
    if (sealed.domain === 'root' && identity.rootElsewhere && options.rootStore === undefined) continue;
    await domainStore(keystore, sealed.domain).deleteBlob('sealed', sealedName(sealed));
  }
}
