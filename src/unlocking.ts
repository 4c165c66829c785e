import type { Context } from './context.ts';
import type { PinSource } from './crypto/token/token.ts';
import { ClusterCaError, isClusterCaError } from './errors.ts';
import { checkClock, isBehind } from './keystore/clock.ts';
import type { Secret } from './keystore/envelope/slot.ts';
import type { Keystore } from './keystore/keystore.ts';
import type { Domain } from './keystore/log/bodies.ts';
import { domainStore, type UnlockedDomain, unlock } from './keystore/unlock.ts';
import { KeystoreWriter } from './keystore/writer.ts';
import { isGiven, type SecretInputs } from './secrets/inputs.ts';
import {
  type Asked,
  isAtHand,
  passphraseGiven,
  resolvePin,
  resolveSecrets,
  type SecretContext,
} from './secrets/resolve.ts';

/** The flags of the ordinary secret, and of the root domain's, as commander hands them over. */
export interface UnlockOptions {
  passphraseFd?: string;
  passphraseFile?: string;
  passphraseCommand?: string;
  keyFile?: string;
  rootPassphraseFd?: string;
  rootPassphraseFile?: string;
  rootPassphraseCommand?: string;
  rootKeystore?: string;
  pinFd?: string;
  pinFile?: string;
  pinCommand?: string;
}

export function ordinaryInputs(options: UnlockOptions): SecretInputs {
  const { passphraseFd: fd, passphraseFile: file, passphraseCommand: command, keyFile } = options;
  return { prefix: '', fd, file, command, keyFile };
}

export function rootInputs(options: UnlockOptions): SecretInputs {
  const { rootPassphraseFd: fd, rootPassphraseFile: file, rootPassphraseCommand: command } = options;
  return { prefix: 'root', fd, file, command };
}

export function pinInputs(options: UnlockOptions): SecretInputs {
  const { pinFd: fd, pinFile: file, pinCommand: command } = options;
  return { prefix: 'pin', fd, file, command };
}

/** How the PIN of a token is learned in this run, when a key in one is used. */
export function pinSource(ctx: Context, options: UnlockOptions): PinSource {
  return (token, file) => resolvePin(pinInputs(options), secretContext(ctx), token, file);
}

const contexts = new WeakMap<Context, SecretContext>();

/** Where secrets are read from, for this run. */
export function secretContext(ctx: Context): SecretContext {
  const known = contexts.get(ctx);
  if (known !== undefined) return known;
  const prompt = async (message: string): Promise<string> => (await ctx.ui.prompts()).askSecret(message);
  const made: SecretContext = { env: ctx.env, prompt: ctx.ui.interactive ? prompt : undefined, read: new Map() };
  contexts.set(ctx, made);
  return made;
}

const begun = new WeakMap<Context, Promise<UnlockedDomain>>();

/**
 * Begins to open the daily domain where the passphrase is at hand, in a file or the environment: the key derivation
 * takes a thread of its own, and the time that a large inventory takes to read. Whatever goes wrong is said by
 * `unlockDaily`, in its turn.
 */
export async function beginUnlock(ctx: Context, keystore: Keystore, options: UnlockOptions): Promise<void> {
  if (!isAtHand(ordinaryInputs(options), ctx.env)) return;
  const opening = unlockDaily(ctx, keystore, options);
  opening.catch(() => {});
  begun.set(ctx, opening);
  // When the event loop comes round, the derivation is with its thread.
  await new Promise((resolve) => setImmediate(resolve));
}

/** Opens the daily domain with what the options, the environment or the terminal give. @throws ERR_INPUT_REQUIRED, ERR_PASSPHRASE, ERR_KEYSTORE_TAMPERED */
export async function unlockDaily(ctx: Context, keystore: Keystore, options: UnlockOptions): Promise<UnlockedDomain> {
  const already = begun.get(ctx);
  begun.delete(ctx);
  if (already !== undefined) return already;
  const secrets = await resolveSecrets(ordinaryInputs(options), secretContext(ctx), askedFor(keystore, 'daily'));
  try {
    return withPin(await unlock(keystore, 'daily', secrets), pinSource(ctx, options));
  } finally {
    for (const secret of secrets) secret.bytes.fill(0);
  }
}

function withPin(domain: UnlockedDomain, pin: PinSource): UnlockedDomain {
  domain.pin = pin;
  return domain;
}

/** The secret of a domain, in words, and whether key files alone open it. */
export function askedFor(keystore: Keystore, domain: Domain): Asked {
  const slots = keystore.state.slots.filter((slot) => slot.domain === domain);
  return {
    what: `${domain === 'root' ? 'root ' : ''}passphrase of ${keystore.state.cluster}`,
    keyFileOnly: slots.length > 0 && slots.every(({ kind }) => kind === 'key-file'),
  };
}

/** Opens the root domain: with its own secret where one is given, else with the ordinary one. @throws as `unlockDaily` */
export async function unlockRoot(ctx: Context, keystore: Keystore, options: UnlockOptions): Promise<UnlockedDomain> {
  const { domain, secrets } = await unlockKeeping(ctx, keystore, 'root', options);
  for (const secret of secrets) secret.bytes.fill(0);
  return domain;
}

/** A domain that is open, and the secrets that were given for it: the caller's to zero, and to close. */
export interface OpenedDomain {
  domain: UnlockedDomain;
  secrets: Secret[];
}

/** Opens a domain and hands the secrets on: for new slots, and backups. @throws ERR_KEYSTORE_PERMISSIONS; as `unlockDaily` */
export async function unlockKeeping(
  ctx: Context,
  keystore: Keystore,
  domain: Domain,
  options: UnlockOptions,
): Promise<OpenedDomain> {
  const own = rootInputs(options);
  if (domain !== 'root' || isGiven(own))
    return openWith(ctx, keystore, domain, options, domain === 'root' ? own : ordinaryInputs(options));
  const ordinary = ordinaryInputs(options);
  try {
    return await openWith(ctx, keystore, 'root', options, ordinary);
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_PASSPHRASE')) throw error;
    const asked = askedFor(keystore, 'root');
    const given = ordinary.keyFile ?? ctx.env.CLUSTER_CA_KEY_FILE;
    // A secret that was typed was asked for as the root's already; another one, of the daily domain, was only tried.
    const typed = given === undefined && !passphraseGiven(ordinary, ctx.env);
    if (!typed && !asked.keyFileOnly && ctx.ui.interactive) return openWith(ctx, keystore, 'root', options, own);
    const hint = asked.keyFileOnly ? error.hint : 'give its own secret with --root-passphrase-file PATH';
    throw typed ? error : new ClusterCaError('ERR_PASSPHRASE', error.message, { hint, cause: error });
  }
}

async function openWith(
  ctx: Context,
  keystore: Keystore,
  domain: Domain,
  options: UnlockOptions,
  inputs: SecretInputs,
): Promise<OpenedDomain> {
  await domainStore(keystore, domain).checkPermissions();
  const secrets = await resolveSecrets(inputs, secretContext(ctx), askedFor(keystore, domain));
  try {
    return { domain: withPin(await unlock(keystore, domain, secrets), pinSource(ctx, options)), secrets };
  } catch (error) {
    for (const secret of secrets) secret.bytes.fill(0);
    throw error;
  }
}

/**
 * Opens the daily domain, and the root's where it is wanted, for the time of some work on a writer. The clock is looked at
 * first, and whether the root domain is at hand.
 * @throws as `requireClock`, `unlockDaily`; ERR_INPUT_REQUIRED for a root domain that is elsewhere
 */
export async function withDomains<T>(
  ctx: Context,
  keystore: Keystore,
  options: UnlockOptions,
  wantsRoot: boolean,
  work: (writer: KeystoreWriter, opened: { daily: OpenedDomain; root: OpenedDomain | undefined }) => Promise<T>,
): Promise<T> {
  await requireClock(ctx, keystore);
  if (wantsRoot) domainStore(keystore, 'root');
  let daily: OpenedDomain | undefined;
  let root: OpenedDomain | undefined;
  try {
    daily = await unlockKeeping(ctx, keystore, 'daily', options);
    root = wantsRoot ? await unlockKeeping(ctx, keystore, 'root', options) : undefined;
    return await work(await writerOver(ctx, keystore, daily.domain), { daily, root });
  } finally {
    ctx.ui.endProgress();
    closeOpened(daily);
    closeOpened(root);
  }
}

/** Ends what `unlockKeeping` has opened. */
export function closeOpened(opened: OpenedDomain | undefined): void {
  opened?.domain.close();
  for (const { bytes } of opened?.secrets ?? []) bytes.fill(0);
}

/** Opens the daily domain and a writer over it. */
export async function openWriter(ctx: Context, keystore: Keystore, options: UnlockOptions): Promise<KeystoreWriter> {
  return writerOver(ctx, keystore, await unlockDaily(ctx, keystore, options));
}

/** A writer over a daily domain that is open. */
export async function writerOver(ctx: Context, keystore: Keystore, daily: UnlockedDomain): Promise<KeystoreWriter> {
  return KeystoreWriter.open(keystore, daily, {
    now: ctx.now,
    acceptClock: ctx.globals.acceptClock ?? false,
    warn: (message) => ctx.ui.warn(message),
  });
}

/**
 * Refuses a clock that is too far behind, for what is not always allowed. To accept it is severe: it wants the
 * cluster's name.
 * @throws ERR_CLOCK, ERR_INPUT_REQUIRED, ERR_CANCELLED
 */
export async function requireClock(ctx: Context, keystore: Keystore): Promise<void> {
  const { acceptClock = false, confirm } = ctx.globals;
  const now = ctx.now();
  checkClock(keystore.state, now, acceptClock);
  if (isBehind(keystore.state, now))
    await ctx.ui.confirmByName(
      `This clock is behind the last record of ${new Date(keystore.state.time).toISOString()}; a new time epoch begins`,
      keystore.state.cluster,
      confirm,
    );
}
