import type { KeyMaker, MadeAuthority } from '../authority/make.ts';
import { isClusterCaError } from '../errors.ts';
import { sealedName } from '../keystore/envelope/sealed-key.ts';
import { liveAuthorities } from '../keystore/hierarchy.ts';
import type { SealedKeyRef, SlotRef } from '../keystore/log/bodies.ts';
import { domainStore, type UnlockedDomain } from '../keystore/unlock.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';

/** Files that no record names yet: they are there before the record, and go again when it does not come. */
export class Staged {
  readonly #writer: KeystoreWriter;
  readonly #undo: (() => Promise<void>)[] = [];

  constructor(writer: KeystoreWriter) {
    this.#writer = writer;
  }

  /**
   * Who makes the key of a CA that comes after another: the token that the other's key is in. Undefined where that one
   * is sealed: then the new one will be.
   */
  async makerLike(domain: UnlockedDomain, before: SealedKeyRef): Promise<KeyMaker | undefined> {
    const token = await domain.tokenOf(before);
    if (token === undefined) return undefined;
    return async (keyType, name) => {
      const { key, signer, discard } = await token.makeKey(keyType, name);
      this.#undo.push(async () => discard());
      return { key, signer };
    };
  }

  /** Seals a new key under a domain that is open. */
  async seal(domain: UnlockedDomain, key: MadeAuthority['key']): Promise<SealedKeyRef> {
    const ref = await domain.seal(key);
    this.#undo.push(() => domainStore(this.#writer.keystore, ref.domain).deleteBlob('sealed', sealedName(ref)));
    return ref;
  }

  async putBlob(family: 'slots' | 'sealed', domain: SlotRef['domain'], name: string, bytes: Uint8Array): Promise<void> {
    const store = domainStore(this.#writer.keystore, domain);
    await store.createBlob(family, name, bytes);
    this.#undo.push(() => store.deleteBlob(family, name));
  }

  async putObject(sha256: string, bytes: Uint8Array): Promise<void> {
    const { store } = this.#writer.keystore;
    await store.putObject(sha256, bytes);
    this.#undo.push(() => store.deleteObject(sha256));
  }

  /** Removes all of it, after a failure: unless it cannot be told whether the record is there. */
  async undo(error: unknown): Promise<void> {
    if (isClusterCaError(error, 'ERR_OUTCOME_UNKNOWN')) return;
    for (const remove of this.#undo.splice(0)) await remove().catch(() => {});
  }
}

/**
 * Removes sealed keys that no record names: what killed starts have left. Only behind a record that starts a rollover:
 * whoever else was about to start one finds that it may not any more.
 */
export async function sweepSealed({ keystore }: KeystoreWriter): Promise<void> {
  const { state, identity, options, store } = keystore;
  const named = new Set([...liveAuthorities(state), state.audit].map(({ sealed }) => sealedName(sealed)));
  const stores = identity.rootElsewhere && options.rootStore !== undefined ? [store, options.rootStore] : [store];
  for (const place of stores)
    for (const name of await place.listBlobs('sealed')) if (!named.has(name)) await place.deleteBlob('sealed', name);
}
