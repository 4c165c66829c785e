import { resolve } from 'node:path';
import { makeNotedKey, type NoteAuthor, tokenIdIn } from '../authority/token-notes.ts';
import { type Standing, sweepToken } from '../authority/token-sweep.ts';
import { type Context, rootKeystoreAt } from '../context.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { publicKeyOf } from '../crypto/private-key-info.ts';
import { openToken, type Token } from '../crypto/token/token.ts';
import { formatTokenUri } from '../crypto/token/uri.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { ClusterCaError } from '../errors.ts';
import { tampered } from '../keystore/canonical.ts';
import { decodeSealedKey, openSealedKey, sealedName, storeKey } from '../keystore/envelope/sealed-key.ts';
import { openSlot, type Secret } from '../keystore/envelope/slot.ts';
import { decodeTokenKey } from '../keystore/envelope/token-key.ts';
import { decodeIdentity, type Identity } from '../keystore/identity.ts';
import type { SealedKeyRef } from '../keystore/log/bodies.ts';
import type { Store } from '../keystore/store.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { generateKey, importSigner } from '../pki/key.ts';
import type { Signer } from '../pki/signer.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { isGiven } from '../secrets/inputs.ts';
import { resolveSecrets } from '../secrets/resolve.ts';
import { ordinaryInputs, pinSource, rootInputs, secretContext, type UnlockOptions } from '../unlocking.ts';
import type { CeremonyRequest } from './documents.ts';

/** A root domain that is by itself: its medium, on a machine that has nothing else of the keystore. */
export interface Medium {
  store: Store;
  identity: Identity;
}

/** @throws ERR_KEYSTORE_ABSENT, ERR_KEYSTORE_PERMISSIONS, ERR_KEYSTORE_TAMPERED */
export async function mediumAt(ctx: Context, directory: string): Promise<Medium> {
  const store = rootKeystoreAt(resolve(ctx.cwd, directory));
  await store.checkPermissions();
  return { store, identity: decodeIdentity((await store.readIdentity()) as Uint8Array) };
}

/** A key of the root domain: its signer, its public half and where it is. */
export interface RootKey {
  signer: Signer;
  spki: Uint8Array;
  sealed: SealedKeyRef;
}

/** An open root domain, until `close`. */
export interface OpenMedium {
  /** The key of the root that is asked. */
  signer: Signer;
  /**
   * The key of a new root, durable on the medium, or in the token that has the old one's: made when it is first asked
   * for by this id, and the same from then on, so that a request may be signed twice.
   */
  keyFor(keyId: string, keyType: KeyType, label: string): Promise<RootKey>;
  close(): void;
}

/** Opens what a request names. @throws ERR_PASSPHRASE, ERR_INPUT_REQUIRED, ERR_KEYSTORE_TAMPERED; as `openToken` */
export async function openMedium(
  ctx: Context,
  medium: Medium,
  request: CeremonyRequest,
  options: UnlockOptions,
): Promise<OpenMedium> {
  const { store } = medium;
  const { id } = medium.identity;
  const { sealed, keyType, id: authority } = request.authority;
  const bytes = await store.readBlob('sealed', sealedName(sealed));
  if (bytes === undefined)
    throw new ClusterCaError('ERR_NOT_FOUND', `the key of ${authority} is not on ${store.location}`, {
      hint: 'it is on another copy of the medium, or was destroyed',
    });
  const token = decodeTokenKey(id, sealed, bytes);
  if (token !== undefined) {
    const { object: _, id: __, ...uri } = token.uri;
    const open = await openToken(uri, pinSource(ctx, options));
    const signer = open.signerOf(token);
    const root = { certificate: parseCertificate(fromBase64(request.authority.certificate)), signer };
    const keyFor: OpenMedium['keyFor'] = (keyId, type, label) =>
      keyInToken(medium, { token: open, root }, { keyId, epoch: sealed.epoch }, type, label, (message) =>
        ctx.ui.warn(message),
      );
    return { signer, keyFor, close: () => {} };
  }
  const masterKey = await masterKeyOf(ctx, medium, request, options);
  const pkcs8 = openSealedKey(id, sealed, bytes, masterKey);
  try {
    const signer = await importSigner(await loadCrypto(), keyType, pkcs8);
    const keyFor: OpenMedium['keyFor'] = (keyId, type) =>
      sealedKey(medium, masterKey, { keyId, epoch: sealed.epoch }, type);
    return { signer, keyFor, close: () => masterKey.fill(0) };
  } finally {
    pkcs8.fill(0);
  }
}

async function masterKeyOf(
  ctx: Context,
  { store, identity }: Medium,
  { slots, cluster }: CeremonyRequest,
  options: UnlockOptions,
): Promise<Uint8Array> {
  const own = rootInputs(options);
  const secrets = await resolveSecrets(isGiven(own) ? own : ordinaryInputs(options), secretContext(ctx), {
    what: `root passphrase of ${cluster}`,
    keyFileOnly: slots.every(({ kind }) => kind === 'key-file'),
  });
  try {
    return await openAny(store, identity.id, slots, secrets);
  } finally {
    for (const secret of secrets) secret.bytes.fill(0);
  }
}

async function openAny(
  store: Store,
  id: string,
  slots: CeremonyRequest['slots'],
  secrets: Secret[],
): Promise<Uint8Array> {
  for (const secret of secrets)
    for (const slot of slots) {
      if (slot.kind !== secret.kind) continue;
      const opened = await openSlot(id, slot, await store.readBlob('slots', slot.id), secret);
      if (opened !== undefined) return opened.masterKey;
    }
  throw new ClusterCaError('ERR_PASSPHRASE', 'no slot of the root domain is opened by what was given', {
    hint: 'give its passphrase with --root-passphrase-file, its key file with --key-file, or its shares',
  });
}

async function sealedKey(
  { store, identity }: Medium,
  masterKey: Uint8Array,
  place: { keyId: string; epoch: number },
  keyType: KeyType,
): Promise<RootKey> {
  const crypto = await loadCrypto();
  const there = await refOf(store, place);
  const pkcs8 = there && openSealedKey(identity.id, there.ref, there.bytes, masterKey);
  const spki = pkcs8 && publicKeyOf('pkcs8', pkcs8);
  if (there !== undefined && spki === undefined) throw tampered(`sealed/${sealedName(place)} holds no key`);
  const key = pkcs8 === undefined || spki === undefined ? await generateKey(crypto, keyType) : { keyType, pkcs8, spki };
  try {
    const signer = await importSigner(crypto, keyType, key.pkcs8);
    return { signer, spki: key.spki, sealed: there?.ref ?? (await keep(store, identity, place, masterKey, key)) };
  } finally {
    key.pkcs8.fill(0);
  }
}

async function keyInToken(
  { store, identity }: Medium,
  { token, root }: { token: Token; root: { certificate: Certificate; signer: Signer } },
  place: { keyId: string; epoch: number },
  keyType: KeyType,
  label: string,
  warn: (message: string) => void,
): Promise<RootKey> {
  const there = await refOf(store, place);
  const known = there && decodeTokenKey(identity.id, there.ref, there.bytes);
  if (there !== undefined && known !== undefined)
    return { signer: token.signerOf(known), spki: known.spki, sealed: there.ref };
  const names = async (): Promise<(string | undefined)[]> =>
    Promise.all((await store.listBlobs('sealed')).map(async (name) => tokenIdIn(await store.readBlob('sealed', name))));
  const standing = async (id: string): Promise<Standing> => ((await names()).includes(id) ? 'named' : 'orphan');
  const author = noteAuthor(identity, root);
  const { location } = store;
  await sweepToken(token, location, { author, standing, certified: [root.certificate.publicKey.der] }, warn);
  const { key, signer, discard, kept } = await makeNotedKey(token, { location, author }, keyType, label);
  let sealed: SealedKeyRef;
  try {
    sealed = await keep(store, identity, place, new Uint8Array(32), key);
  } catch (error) {
    await discard();
    throw error;
  }
  // One that stays is forgotten by the next run that looks: the key is named.
  await kept().catch((error: Error) => warn(error.message));
  return { signer, spki: key.spki, sealed };
}

/** Without the audit key, which is on the other machine, notes are signed by the root that is asked. */
function noteAuthor({ id }: Identity, root: { certificate: Certificate; signer: Signer }): NoteAuthor {
  const { publicKey, signatureAlgorithm } = root.certificate;
  const verify = createVerifySignature();
  return {
    keystoreId: id,
    sign: (octets) => root.signer.sign(octets),
    // Self-signed: its own signature is by the same algorithm as this one.
    verify: (octets, signature) => verify(publicKey, signatureAlgorithm, octets, signature),
  };
}

async function refOf(
  store: Store,
  { keyId, epoch }: { keyId: string; epoch: number },
): Promise<{ ref: SealedKeyRef; bytes: Uint8Array } | undefined> {
  const bytes = await store.readBlob('sealed', sealedName({ keyId, epoch }));
  return bytes && { ref: { keyId, epoch, domain: 'root', sha256: sha256Hex(bytes) }, bytes };
}

async function keep(
  store: Store,
  { id }: Identity,
  place: { keyId: string; epoch: number },
  masterKey: Uint8Array,
  key: Parameters<typeof storeKey>[3],
): Promise<SealedKeyRef> {
  const { ref, bytes } = storeKey(id, { ...place, domain: 'root' }, masterKey, key);
  await store.createBlob('sealed', sealedName(ref), bytes);
  return ref;
}

/** The keys of a request as they are on the medium: the files of those that it would have removed. */
export interface Removal {
  names: string[];
  /** The tokens that have such a key, which are not ours to clear: their URIs. */
  tokens: string[];
}

/**
 * Holds what a request names against the medium: a file that it names has the key of the certificate that is shown. A
 * key that was destroyed goes with every file that has it, whatever it is called.
 * @throws ERR_CONFIG for a file of another key; ERR_KEYSTORE_TAMPERED for one that cannot be read
 */
export async function checkOnMedium(
  { store, identity: { id } }: Medium,
  { authority, destroyed = [] }: CeremonyRequest,
): Promise<Removal> {
  for (const root of [authority, ...destroyed]) {
    const bytes = await store.readBlob('sealed', sealedName(root.sealed));
    if (bytes === undefined || keyIn(id, root.sealed, bytes).key === keyHash(root)) continue;
    throw new ClusterCaError(
      'ERR_CONFIG',
      `the request names sealed/${sealedName(root.sealed)}, which is not the key of ${root.id}`,
      {
        hint: 'nothing was signed and nothing removed; have the request made again, and ask who made this one',
      },
    );
  }
  const removal: Removal = { names: [], tokens: [] };
  const doomed = new Set(destroyed.map(keyHash));
  if (doomed.size === 0) return removal;
  for (const name of await store.listBlobs('sealed')) {
    const place = /^([0-9a-f]{32})\.(\d+)$/.exec(name);
    const bytes = await store.readBlob('sealed', name);
    if (place === null || bytes === undefined) continue;
    const { key, uri } = keyIn(id, { keyId: place[1] as string, epoch: Number(place[2]), domain: 'root' }, bytes);
    if (!doomed.has(key)) continue;
    removal.names.push(name);
    if (uri !== undefined) removal.tokens.push(uri);
  }
  return removal;
}

/** Removes the files of keys that were destroyed. */
export async function removeKeys({ store }: Medium, { names }: Removal): Promise<void> {
  for (const name of names) await store.deleteBlob('sealed', name);
}

function keyHash({ certificate }: CeremonyRequest['authority']): string {
  return sha256Hex(parseCertificate(fromBase64(certificate)).publicKey.der);
}

/** SHA-256 of the public half of a key's file, and, of one in a token, where it is. @throws ERR_KEYSTORE_TAMPERED */
function keyIn(id: string, place: Omit<SealedKeyRef, 'sha256'>, bytes: Uint8Array): { key: string; uri?: string } {
  const ref = { ...place, sha256: sha256Hex(bytes) };
  const token = decodeTokenKey(id, ref, bytes);
  if (token !== undefined) return { key: sha256Hex(token.spki), uri: formatTokenUri(token.uri) };
  return { key: decodeSealedKey(id, ref, bytes).spkiSha256 };
}
