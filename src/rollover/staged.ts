import type { KeyMaker, MadeAuthority } from '../authority/make.ts';
import { forgetNote, makeNotedKey, type NoteAuthor, tokenIdIn } from '../authority/token-notes.ts';
import { type Standing, sweepToken } from '../authority/token-sweep.ts';
import { verifyEd25519 } from '../crypto/ed25519.ts';
import { isClusterCaError } from '../errors.ts';
import { pendingKeyFile } from '../init/external/pending.ts';
import { sealedName } from '../keystore/envelope/sealed-key.ts';
import { liveAuthorities } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority, Domain, SealedKeyRef, SlotRef } from '../keystore/log/bodies.ts';
import { sealedKeys } from '../keystore/log/rewrap.ts';
import type { LogState } from '../keystore/log/state.ts';
import { domainStore, type UnlockedDomain } from '../keystore/unlock.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { fromBase64, toHex } from '../pki/encoding.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';

/** Files that no record names yet: they are there before the record, and go again when it does not come. */
export class Staged {
  readonly #writer: KeystoreWriter;
  readonly #undo: { isNamed: () => Promise<boolean>; remove: () => Promise<void> }[] = [];

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
    const author = await noteAuthor(this.#writer);
    const standing = (id: string): Promise<Standing> => standingOf(keystore, before.domain, id);
    await sweepToken(token, location, { author, standing, certified: certifiedKeys(keystore) }, options.warn);
    return async (keyType, name) => {
      const { key, signer, discard } = await makeNotedKey(token, { location, author }, keyType, name);
      const id = toHex(key.uri.id ?? new Uint8Array(0));
      this.#undo.push({ isNamed: async () => (await standing(id)) === 'named', remove: discard });
      return { key, signer };
    };
  }

  /** Seals a new key under a domain that is open. */
  async seal(domain: UnlockedDomain, key: MadeAuthority['key']): Promise<SealedKeyRef> {
    const ref = await domain.seal(key);
    const name = sealedName(ref);
    this.#undo.push({
      isNamed: async () => sealedKeys(this.#state).some((one) => sealedName(one) === name),
      remove: () => domainStore(this.#writer.keystore, ref.domain).deleteBlob('sealed', name),
    });
    return ref;
  }

  async putBlob(family: 'slots' | 'sealed', domain: SlotRef['domain'], name: string, bytes: Uint8Array): Promise<void> {
    const store = domainStore(this.#writer.keystore, domain);
    await store.createBlob(family, name, bytes);
    const names = () =>
      family === 'slots' ? this.#state.slots.map(({ id }) => id) : sealedKeys(this.#state).map(sealedName);
    this.#undo.push({ isNamed: async () => names().includes(name), remove: () => store.deleteBlob(family, name) });
  }

  async putObject(sha256: string, bytes: Uint8Array): Promise<void> {
    const { store } = this.#writer.keystore;
    await store.putObject(sha256, bytes);
    const isNamed = async () => this.#state.crls.some((crl) => crl.sha256 === sha256);
    this.#undo.push({ isNamed, remove: () => store.deleteObject(sha256) });
  }

  get #state(): LogState {
    return this.#writer.keystore.state;
  }

  /**
   * Removes what no record names, after a failure, which may have come behind the record: nothing where it cannot be told
   * whether that is there.
   */
  async undo(error: unknown): Promise<void> {
    if (isClusterCaError(error, 'ERR_OUTCOME_UNKNOWN')) return;
    const undo = this.#undo.splice(0);
    try {
      await this.#writer.keystore.refresh();
    } catch {
      return;
    }
    for (const { isNamed, remove } of undo) if (!(await isNamed().catch(() => true))) await remove().catch(() => {});
  }
}

/** A record names these keys: those in a token need no note any more. */
export async function forgetNotes(
  { keystore, options }: KeystoreWriter,
  authorities: readonly Authority[],
): Promise<void> {
  for (const { sealed } of authorities) {
    if (sealed.domain === 'root' && keystore.identity.rootElsewhere && keystore.options.rootStore === undefined)
      continue;
    const store = domainStore(keystore, sealed.domain);
    const id = tokenIdIn(await store.readBlob('sealed', sealedName(sealed)));
    // One that stays is forgotten by the next run that looks: the key is named.
    if (id !== undefined) await forgetNote(store.location, id).catch((error: Error) => options.warn(error.message));
  }
}

/** Notes are signed as the log is. */
async function noteAuthor({ keystore, daily }: KeystoreWriter): Promise<NoteAuthor> {
  const { id, auditKey } = keystore.identity;
  const signer = await daily.signer(keystore.state.audit.sealed, 'ed25519');
  return {
    keystoreId: id,
    sign: (octets) => signer.sign(octets),
    verify: (octets, signature) => verifyEd25519(fromBase64(auditKey), octets, signature),
  };
}

/** The public keys of all CAs that the log has ever had: SubjectPublicKeyInfo, DER. */
function certifiedKeys({ state }: Keystore): Uint8Array[] {
  return state.authorities.map(({ certificate }) => parseCertificate(fromBase64(certificate)).publicKey.der);
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
