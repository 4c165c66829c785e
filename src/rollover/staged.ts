import type { KeyMaker, MadeAuthority } from '../authority/make.ts';
import { forgetNote, makeNotedKey, type Standing, sweepToken, tokenIdIn } from '../authority/token-notes.ts';
import { isClusterCaError } from '../errors.ts';
import { pendingKeyFile } from '../init/external/pending.ts';
import { sealedName } from '../keystore/envelope/sealed-key.ts';
import { liveAuthorities } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority, Domain, SealedKeyRef, SlotRef } from '../keystore/log/bodies.ts';
import { sealedKeys } from '../keystore/log/rewrap.ts';
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
    const { keystore, options } = this.#writer;
    const { location } = domainStore(keystore, before.domain);
    await sweepToken(token, location, (id) => standingOf(keystore, before.domain, id), options.warn);
    return async (keyType, name) => {
      const { key, signer, discard } = await makeNotedKey(token, location, keyType, name);
      this.#undo.push(discard);
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

/** A record names these keys: those in a token need no note any more. */
export async function forgetNotes({ keystore }: KeystoreWriter, authorities: readonly Authority[]): Promise<void> {
  for (const { sealed } of authorities) {
    if (sealed.domain === 'root' && keystore.identity.rootElsewhere && keystore.options.rootStore === undefined)
      continue;
    const store = domainStore(keystore, sealed.domain);
    const id = tokenIdIn(await store.readBlob('sealed', sealedName(sealed)));
    if (id !== undefined) await forgetNote(store.location, id);
  }
}

/** What is known of a key in a token: a record names it, or a file does that may come to nothing. */
async function standingOf(keystore: Keystore, domain: Domain, id: string): Promise<Standing> {
  const store = domainStore(keystore, domain);
  const named = new Set(sealedKeys(keystore.state).map(sealedName));
  for (const name of await store.listBlobs('sealed'))
    if (tokenIdIn(await store.readBlob('sealed', name)) === id) return named.has(name) ? 'named' : 'undecided';
  return tokenIdIn(await pendingKeyFile(keystore.store.location)) === id ? 'undecided' : 'orphan';
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
