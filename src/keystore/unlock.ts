import { type BatchKey, batchKey } from '../crypto/batch-keys.ts';
import { openToken, type PinSource, type Token, type TokenKey } from '../crypto/token/token.ts';
import { type TokenUri, tokenName } from '../crypto/token/uri.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { type GeneratedKey, importSigner } from '../pki/key.ts';
import type { Signer, SyncSigner } from '../pki/signer.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { decodeExternalKey } from './envelope/external-key.ts';
import { openSealedKey, sealedName, storeKey } from './envelope/sealed-key.ts';
import { openSlot, type Secret } from './envelope/slot.ts';
import { decodeTokenKey } from './envelope/token-key.ts';
import type { Keystore } from './keystore.ts';
import type { Domain, SealedKeyRef, SlotRef } from './log/bodies.ts';
import { domainEpoch } from './log/rewrap.ts';
import type { Store } from './store.ts';

/** A domain whose master key is in memory until `close`. */
export class UnlockedDomain {
  readonly domain: Domain;
  readonly epoch: number;
  /** The slot that opened it. */
  readonly slot: SlotRef;
  /** How the PIN of a token is learned, for the keys that are in one. */
  pin: PinSource | undefined;
  readonly #masterKey: Uint8Array;
  readonly #keystore: Keystore;
  /** By the name of the sealed key: a daemon signs many batches with the same. */
  readonly #batchKeys = new Map<string, BatchKey>();

  constructor(keystore: Keystore, domain: Domain, slot: SlotRef, masterKey: Uint8Array, epoch: number) {
    this.#keystore = keystore;
    this.domain = domain;
    this.slot = slot;
    this.#masterKey = masterKey;
    this.epoch = epoch;
  }

  /**
   * A private key of this domain as a signer: its octets are zeroed once it is imported, or they are in a token.
   * @throws ERR_KEYSTORE_TAMPERED; for a key in a token also as `openToken`
   */
  async signer(ref: SealedKeyRef, keyType: KeyType): Promise<Signer> {
    const pkcs8 = await this.#open(ref);
    if (!(pkcs8 instanceof Uint8Array)) return this.#tokenSigner(pkcs8);
    try {
      return await importSigner(await loadCrypto(), keyType, pkcs8);
    } finally {
      pkcs8.fill(0);
    }
  }

  /** The same key for a batch: on node:crypto, to which it crosses as sealed octets alone, or a signer where it is in a token. */
  async batchKey(ref: SealedKeyRef): Promise<BatchKey | SyncSigner> {
    const name = sealedName(ref);
    const known = this.#batchKeys.get(name);
    if (known !== undefined) return known;
    const pkcs8 = await this.#open(ref);
    if (!(pkcs8 instanceof Uint8Array)) return this.#tokenSigner(pkcs8);
    try {
      const key = batchKey(pkcs8);
      this.#batchKeys.set(name, key);
      return key;
    } finally {
      pkcs8.fill(0);
    }
  }

  /** The octets of a sealed key, for the caller to zero, or the token that the key is in. */
  async #open(ref: SealedKeyRef): Promise<Uint8Array | TokenKey> {
    this.requireEpoch(ref.epoch);
    const bytes = await domainStore(this.#keystore, ref.domain).readBlob('sealed', sealedName(ref));
    const { id } = this.#keystore.identity;
    if (decodeExternalKey(id, ref, bytes) !== undefined)
      throw new ClusterCaError('ERR_STATE', 'the root CA of this keystore is another PKI: its key is not here', {
        hint: 'what only a root signs comes from that PKI: its CRL by cluster-ca crl --accept FILE, an issuing CA by cluster-ca rollover start --issuing',
        details: { external: true },
      });
    const token = decodeTokenKey(id, ref, bytes);
    return token ?? openSealedKey(this.#keystore.identity.id, ref, bytes, this.#masterKey);
  }

  /** Refuses what is, or will be, sealed under another master key than this. @throws ERR_STATE */
  requireEpoch(epoch = domainEpoch(this.#keystore.state, this.domain)): void {
    if (epoch !== undefined && epoch !== this.epoch)
      throw new ClusterCaError('ERR_STATE', 'the keystore was given new master keys since it was opened', {
        hint: 'run the same command again; a daemon has to be started again',
      });
  }

  async #tokenSigner(key: TokenKey): Promise<SyncSigner> {
    return (await openToken(key.uri, this.#pinFor(key.uri))).signerOf(key);
  }

  #pinFor(uri: TokenUri): PinSource {
    if (this.pin !== undefined) return this.pin;
    throw new ClusterCaError('ERR_INPUT_REQUIRED', `a key is in the token ${tokenName(uri)}, and no PIN was given`, {
      hint: 'give it with --pin-file PATH or --pin-fd N',
    });
  }

  /** Seals a new private key under this domain, durably. No record names it yet. @returns what a record names it by */
  async seal(key: GeneratedKey | TokenKey): Promise<SealedKeyRef> {
    const { id } = this.#keystore.identity;
    const { domain, epoch } = this;
    const { ref, bytes } = storeKey(id, { domain, epoch }, this.#masterKey, key);
    await domainStore(this.#keystore, this.domain).createBlob('sealed', sealedName(ref), bytes);
    return ref;
  }

  /** The token that a key is in; undefined for one that is sealed. @throws as `openToken` */
  async tokenOf(ref: SealedKeyRef): Promise<Token | undefined> {
    const uri = await this.tokenUri(ref);
    if (uri === undefined) return undefined;
    const { object: _, id: __, ...token } = uri;
    return openToken(token, this.#pinFor(uri));
  }

  /** Where in a token a key is; undefined for one that is sealed. @throws ERR_KEYSTORE_TAMPERED */
  async tokenUri(ref: SealedKeyRef): Promise<TokenUri | undefined> {
    const bytes = await domainStore(this.#keystore, ref.domain).readBlob('sealed', sealedName(ref));
    return decodeTokenKey(this.#keystore.identity.id, ref, bytes)?.uri;
  }

  /** The same domain of a copy of this keystore. Close it too. */
  of(copy: Keystore): UnlockedDomain {
    const domain = new UnlockedDomain(copy, this.domain, this.slot, this.#masterKey.slice(), this.epoch);
    domain.pin = this.pin;
    return domain;
  }

  /** Hands the master key to a function, for wrapping it into another slot. */
  async withMasterKey<T>(use: (masterKey: Uint8Array) => Promise<T>): Promise<T> {
    return use(this.#masterKey);
  }

  close(): void {
    this.#batchKeys.clear();
    this.#masterKey.fill(0);
  }
}

/** The store that holds a domain's slots and sealed keys. @throws ERR_INPUT_REQUIRED when the root domain is elsewhere and not given */
export function domainStore(keystore: Keystore, domain: Domain): Store {
  if (domain === 'daily' || !keystore.identity.rootElsewhere) return keystore.store;
  const { rootStore } = keystore.options;
  if (rootStore === undefined)
    throw new ClusterCaError('ERR_INPUT_REQUIRED', 'the root domain of this keystore is kept elsewhere', {
      hint: 'give the place of its keys with --root-keystore DIR; where it stays on another machine: --request FILE (crl, rollover)',
    });
  return rootStore;
}

/** The token that a key of the keystore is in; undefined for a sealed one, and where the root domain is not at hand. @throws ERR_KEYSTORE_TAMPERED */
export async function tokenOf(keystore: Keystore, ref: SealedKeyRef): Promise<TokenKey | undefined> {
  const store = ref.domain === 'root' && keystore.identity.rootElsewhere ? keystore.options.rootStore : keystore.store;
  if (store === undefined) return undefined;
  return decodeTokenKey(keystore.identity.id, ref, await store.readBlob('sealed', sealedName(ref)));
}

/**
 * Opens a domain with the first secret that opens one of its slots.
 * @throws ERR_PASSPHRASE when none does; ERR_KEYSTORE_TAMPERED when a slot is damaged and none opens
 */
export async function unlock(keystore: Keystore, domain: Domain, secrets: Secret[]): Promise<UnlockedDomain> {
  const store = domainStore(keystore, domain);
  let damage: unknown;
  for (const secret of secrets)
    for (const slot of keystore.state.slots) {
      if (slot.domain !== domain || slot.kind !== secret.kind) continue;
      try {
        const opened = await openSlot(keystore.identity.id, slot, await store.readBlob('slots', slot.id), secret);
        if (opened !== undefined) return new UnlockedDomain(keystore, domain, slot, opened.masterKey, opened.epoch);
      } catch (error) {
        if (!isClusterCaError(error, 'ERR_KEYSTORE_TAMPERED')) throw error;
        damage ??= error;
      }
    }
  if (damage !== undefined) throw damage;
  const kinds = [...new Set(keystore.state.slots.filter((slot) => slot.domain === domain).map((slot) => slot.kind))];
  const given = secrets.map((secret) => (secret.kind === 'key-file' ? 'key file' : 'passphrase')).join(' or ');
  throw new ClusterCaError(
    'ERR_PASSPHRASE',
    `the ${given} does not open the ${domain} domain of ${keystore.store.location}`,
    {
      hint: `its slots take a ${kinds.map((kind) => kind.replace('-', ' ')).join(' or a ')}; cluster-ca keystore slot list shows them`,
    },
  );
}
