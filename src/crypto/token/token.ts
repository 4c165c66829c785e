import { createHash, createPublicKey, verify } from 'node:crypto';
import { existsSync } from 'node:fs';
import { ClusterCaError } from '../../errors.ts';
import { ecdsaSignatureValue, generateKeyHandles } from '../../pki/key.ts';
import type { SyncSigner } from '../../pki/signer.ts';
import type { KeyType } from '../../pki/x509/algorithm.ts';
import {
  loadLibrary,
  type P11CryptoKey,
  type P11Library,
  type P11Object,
  type P11Session,
  type P11Token,
} from './library.ts';
import { type TokenUri, tokenName } from './uri.ts';

/** How to learn the PIN of a token: asked for once a process, when the token is first used. The caller of it zeroes the octets. */
export type PinSource = (token: string, pinSource: string | undefined) => Promise<Uint8Array>;

/** A key in a token: its public half, and where it is. No private octets: there are none to be had. */
export interface TokenKey {
  keyType: KeyType;
  spki: Uint8Array;
  uri: TokenUri;
}

/** C_Sign of PKCS#11, by key type; ECDSA is given the digest, because not every token has it with a hash. */
const MECHANISMS: Partial<Record<KeyType, { name: string; digest?: string; scalar?: number; hash: string }>> = {
  'ecdsa-p256': { name: 'ECDSA', digest: 'sha256', scalar: 32, hash: 'sha256' },
  'ecdsa-p384': { name: 'ECDSA', digest: 'sha384', scalar: 48, hash: 'sha384' },
  'rsa-3072': { name: 'SHA256_RSA_PKCS', hash: 'sha256' },
  'rsa-4096': { name: 'SHA256_RSA_PKCS', hash: 'sha256' },
};

const open = new Map<string, Promise<Token>>();

/**
 * The token that a URI means, logged in; one session a process.
 * @throws ERR_CONFIG where the library or the module cannot be loaded; ERR_NOT_FOUND for a token that is not there;
 *   ERR_USAGE when several fit; ERR_PASSPHRASE for a wrong or locked PIN
 */
export function openToken(uri: TokenUri, pin: PinSource): Promise<Token> {
  const { token, serial, manufacturer, model, modulePath } = uri;
  const key = JSON.stringify([token, serial, manufacturer, model, modulePath]);
  const opening = open.get(key) ?? Token.open(uri, pin, () => open.delete(key));
  open.set(key, opening);
  opening.catch(() => open.delete(key));
  return opening;
}

/** An open session with a token. */
export class Token {
  readonly uri: TokenUri;
  readonly #library: P11Library;
  readonly #session: P11Session;
  readonly #forget: () => void;

  private constructor(uri: TokenUri, library: P11Library, session: P11Session, forget: () => void) {
    this.uri = uri;
    this.#library = library;
    this.#session = session;
    this.#forget = forget;
  }

  static async open(uri: TokenUri, pin: PinSource, forget: () => void): Promise<Token> {
    const library = loadLibrary();
    const { found, session } = findToken(library, uri);
    const secret = await pin(tokenName(uri), uri.pinSource);
    try {
      session.login(new TextDecoder().decode(secret));
    } catch (cause) {
      if (!reasonOf(cause).includes('ALREADY_LOGGED_IN')) throw loginError(uri, cause);
    } finally {
      secret.fill(0);
    }
    const known = { token: found.label, serial: found.serialNumber };
    return new Token({ ...uri, ...known }, library, session, forget);
  }

  /**
   * Makes a key pair that never leaves the token: sensitive, not extractable.
   * @param label what it is called there (CKA_LABEL) @param id CKA_ID
   */
  async makeKey(
    keyType: KeyType,
    label: string,
    id: Uint8Array,
  ): Promise<{ key: TokenKey; signer: SyncSigner; discard: () => void }> {
    try {
      const crypto = this.#library.crypto(this.#session, id);
      const pair = (await generateKeyHandles(crypto, keyType, { token: true, sensitive: true, label })) as {
        privateKey: P11CryptoKey;
        publicKey: P11CryptoKey;
      };
      const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
      const handle = pair.privateKey.p11Object;
      const kept = handle.getAttribute({ sensitive: null, extractable: null, token: null });
      if (kept.sensitive !== true || kept.extractable !== false || kept.token !== true)
        throw new ClusterCaError('ERR_POLICY', `the token ${tokenName(this.uri)} would let the key out`, {
          hint: 'a key that can be read is as well in a keystore: leave --token out',
        });
      const key = { keyType, spki, uri: { ...this.uri, object: label, id: new Uint8Array(handle.id) } };
      const discard = (): void => {
        for (const one of [pair.privateKey, pair.publicKey]) one.p11Object.destroy();
      };
      return { key, signer: this.#signer(keyType, handle), discard };
    } catch (cause) {
      throw this.#failure('make a key', cause);
    }
  }

  /** Whether anything there has this CKA_ID. @throws ERR_REMOTE */
  hasKey(id: Uint8Array): boolean {
    return this.#try('find a key', () => this.#find({ id: Buffer.from(id) }).length > 0);
  }

  /**
   * Whether a private key there with this CKA_ID is the other half of one of these, as a signature by it proves.
   * @param spkis SubjectPublicKeyInfo, DER @throws ERR_REMOTE where it does not sign
   */
  isOneOf(id: Uint8Array, keyType: KeyType, spkis: readonly Uint8Array[]): boolean {
    const found = this.#try('find a key', () =>
      this.#find({ class: this.#library.privateKeyClass, id: Buffer.from(id) }),
    );
    return found.some((handle) => {
      const signature = this.#signer(keyType, handle).signNow(PROBE);
      return spkis.some((spki) => provesKey(keyType, spki, signature));
    });
  }

  /**
   * Removes both halves of a key.
   * @returns false, and nothing is removed, where something else has its CKA_ID: objects of another label, or more than the two
   * @throws ERR_REMOTE
   */
  removeKey(id: Uint8Array, label: string): boolean {
    return this.#try('remove a key', () => {
      const found = this.#find({ id: Buffer.from(id) });
      const keys = this.#find({ class: this.#library.privateKeyClass, id: Buffer.from(id) });
      if (
        keys.length > 1 ||
        found.length > keys.length + 1 ||
        found.some((one) => one.getAttribute({ label: null }).label !== label)
      )
        return false;
      for (const one of found) one.destroy();
      return true;
    });
  }

  #try<T>(what: string, work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw this.#failure(what, cause);
    }
  }

  #find(template: object): P11Object[] {
    const results = this.#session.find(template);
    return Array.from({ length: results.length }, (_, i) => results.items(i));
  }

  /** A signer over a key of the token, once it has been seen to be the private half of `spki`. @throws ERR_NOT_FOUND, ERR_REMOTE */
  signerOf({ keyType, spki, uri }: TokenKey): SyncSigner {
    const name = uri.object ?? 'the key';
    const template = {
      class: this.#library.privateKeyClass,
      ...(uri.id === undefined ? {} : { id: Buffer.from(uri.id) }),
      ...(uri.object === undefined ? {} : { label: uri.object }),
    };
    for (const handle of this.#try('find a key', () => this.#find(template))) {
      const signer = this.#signer(keyType, handle);
      if (provesKey(keyType, spki, signer.signNow(PROBE))) return signer;
    }
    throw new ClusterCaError('ERR_NOT_FOUND', `${name} is not in the token ${tokenName(this.uri)}`, {
      hint: 'plug in, or restore, the token that the keystore was made with',
    });
  }

  #signer(keyType: KeyType, handle: P11Object): SyncSigner {
    const mechanism = MECHANISMS[keyType];
    if (mechanism === undefined) throw new ClusterCaError('ERR_USAGE', `a token makes no CA key of type ${keyType}`);
    const { name, digest, scalar } = mechanism;
    const signNow = (data: Uint8Array): Uint8Array => {
      try {
        const octets = digest === undefined ? Buffer.from(data) : createHash(digest).update(data).digest();
        const signature = new Uint8Array(this.#session.createSign(name, handle).once(octets));
        return scalar === undefined ? signature : ecdsaSignatureValue(signature, scalar);
      } catch (cause) {
        throw this.#failure('sign', cause);
      }
    };
    return { keyType, signNow, sign: async (data) => signNow(data) };
  }

  /** What the token says; the session is given up, and the next use opens another. */
  #failure(what: string, cause: unknown): ClusterCaError {
    if (cause instanceof ClusterCaError) return cause;
    this.#forget();
    return new ClusterCaError('ERR_REMOTE', `the token ${tokenName(this.uri)} could not ${what}: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

/** What a key signs to prove which one it is. */
const PROBE = Buffer.from('cluster-ca: is this the key?');

/** Whether a signature over the probe is by the private half of this key. */
function provesKey(keyType: KeyType, spki: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  return verify(MECHANISMS[keyType]?.hash, PROBE, key, signature);
}

function findToken(library: P11Library, uri: TokenUri): { found: P11Token; session: P11Session } {
  const { modulePath } = uri;
  if (modulePath === undefined)
    throw new ClusterCaError('ERR_USAGE', 'the URI of the token does not name its PKCS#11 library', {
      hint: 'add ?module-path=/PATH/TO/LIBRARY.so',
    });
  if (!existsSync(modulePath))
    throw new ClusterCaError('ERR_CONFIG', `there is no PKCS#11 library ${modulePath}`, {
      hint: 'install it, or correct module-path',
    });
  try {
    const module = library.loadModule(modulePath);
    try {
      module.initialize();
    } catch (error) {
      if (!reasonOf(error).includes('ALREADY_INITIALIZED')) throw error;
    }
    const slots = module.getSlots(true);
    const fitting = Array.from({ length: slots.length }, (_, i) => slots.items(i)).flatMap((slot) => {
      const token = slot.getToken();
      return fits(token, uri) ? [{ slot, token }] : [];
    });
    const [first] = fitting;
    if (first === undefined)
      throw new ClusterCaError('ERR_NOT_FOUND', `there is no token ${tokenName(uri)}`, {
        hint: 'plug it in; pkcs11-tool --list-slots shows what is there',
        details: { token: 'absent' },
      });
    if (fitting.length > 1)
      throw new ClusterCaError('ERR_USAGE', `${fitting.length} tokens fit ${tokenName(uri)}`, {
        hint: `say which by its serial number: ${fitting.map(({ token }) => token.serialNumber.trim()).join(' or ')}`,
      });
    return { found: first.token, session: first.slot.open(library.readWrite) };
  } catch (cause) {
    if (cause instanceof ClusterCaError) throw cause;
    throw new ClusterCaError('ERR_REMOTE', `the PKCS#11 library ${modulePath} failed: ${reasonOf(cause)}`, { cause });
  }
}

/** What the URI says must be so; fields of PKCS#11 are padded with blanks. */
function fits(token: P11Token, uri: TokenUri): boolean {
  const is = (value: string | undefined, wanted: string | undefined): boolean =>
    wanted === undefined || (value ?? '').trim() === wanted;
  return (
    is(token.label, uri.token) &&
    is(token.serialNumber, uri.serial) &&
    is(token.manufacturerID, uri.manufacturer) &&
    is(token.model, uri.model)
  );
}

function loginError(uri: TokenUri, cause: unknown): ClusterCaError {
  const reason = reasonOf(cause);
  const locked = reason.includes('PIN_LOCKED');
  if (locked || reason.includes('PIN_'))
    return new ClusterCaError(
      'ERR_PASSPHRASE',
      `the PIN of the token ${tokenName(uri)} is ${locked ? 'locked' : 'wrong'}`,
      {
        hint: locked
          ? "its security officer unlocks it, by the token's own tools"
          : 'after a few wrong ones a token locks itself',
        cause,
      },
    );
  return new ClusterCaError('ERR_REMOTE', `the token ${tokenName(uri)} refuses the login: ${reason}`, { cause });
}

/** `CKR_PIN_INCORRECT` and the like. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] as string) : String(error);
}
