import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ClusterCaError } from './errors.ts';
import { anchorDirectory } from './keystore/anchor.ts';
import { clockWarning } from './keystore/clock.ts';
import { DirectoryStore } from './keystore/directory/directory-store.ts';
import { layout } from './keystore/directory/layout.ts';
import { decodeIdentity } from './keystore/identity.ts';
import { Keystore } from './keystore/keystore.ts';
import { locateKeystore } from './keystore/locate.ts';
import { shellWords } from './ui/text/shell-words.ts';
import type { Ui } from './ui/ui.ts';

/** The options that every command takes. */
export interface GlobalOptions {
  keystore?: string;
  cluster?: string;
  json?: boolean;
  input?: boolean;
  color?: boolean;
  quiet?: boolean;
  debug?: boolean;
  /** Milliseconds to wait for other writers. */
  wait: number;
  acceptClock?: boolean;
  confirm?: string;
  yes?: boolean;
}

/** What a command is given instead of reaching for it: the terminal, the environment, the clock. */
export interface Context {
  ui: Ui;
  env: Record<string, string | undefined>;
  cwd: string;
  now: () => Date;
  globals: GlobalOptions;
}

/** The directory of the keystore that the options mean. @throws ERR_USAGE, ERR_KEYSTORE_ABSENT */
export function keystoreLocation(ctx: Context): string {
  const { keystore = ctx.env.CLUSTER_CA_KEYSTORE, cluster } = ctx.globals;
  return locateKeystore({ keystore, cluster, env: ctx.env, cwd: ctx.cwd });
}

/** ` --keystore DIR` where that flag was given, for the commands of hints: without it they would mean another keystore. */
export function sameKeystore({ globals: { keystore } }: Pick<Context, 'globals'>): string {
  return keystore === undefined ? '' : ` ${shellWords(['--keystore', keystore])}`;
}

/**
 * Opens the keystore that the options mean, for reading. An older copy than this user has seen is refused.
 * @throws ERR_USAGE, ERR_KEYSTORE_ABSENT, ERR_KEYSTORE_TAMPERED, ERR_KEYSTORE_ROLLED_BACK
 */
export async function openKeystore(
  ctx: Context,
  options: { rootKeystore?: string | undefined } = {},
): Promise<Keystore> {
  return openKeystoreAt(ctx, keystoreLocation(ctx), options);
}

/**
 * Opens the keystore in a directory, for reading.
 * @param options.unwitnessed neither this user's anchor nor public/head is asked: for what tells of them itself
 * @throws as `openKeystore`
 */
export async function openKeystoreAt(
  ctx: Context,
  location: string,
  options: { rootKeystore?: string | undefined; unwitnessed?: boolean } = {},
): Promise<Keystore> {
  const rootStore =
    options.rootKeystore === undefined ? undefined : rootKeystoreAt(resolve(ctx.cwd, options.rootKeystore));
  const keystore = await Keystore.open(directoryStore(location), { anchors: anchorDirectory(ctx.env), rootStore });
  if (!options.unwitnessed) {
    await keystore.checkRollback();
    await keystore.checkPublicHead();
  }
  const { cluster } = ctx.globals;
  if (cluster !== undefined && keystore.state.cluster !== cluster)
    throw new ClusterCaError(
      'ERR_USAGE',
      `the keystore at ${location} is of cluster ${keystore.state.cluster}, not ${cluster}`,
    );
  const warning = clockWarning(keystore.state, ctx.now());
  if (warning !== undefined) ctx.ui.warn(warning);
  return keystore;
}

/** Opens it for writing: the permissions, of its root domain's place too, are checked before anything else about it. @throws also ERR_KEYSTORE_PERMISSIONS */
export async function openKeystoreToWrite(
  ctx: Context,
  options: { rootKeystore?: string | undefined } = {},
): Promise<Keystore> {
  const location = keystoreLocation(ctx);
  const store = directoryStore(location);
  if ((await store.readIdentity()) !== undefined) await store.checkPermissions();
  if (options.rootKeystore !== undefined)
    await rootKeystoreAt(resolve(ctx.cwd, options.rootKeystore)).checkPermissions();
  return openKeystoreAt(ctx, location, options);
}

/** The store in a directory; whether its group may read is in its own KEYSTORE file. */
export function directoryStore(location: string): DirectoryStore {
  let groupRead = false;
  try {
    groupRead = decodeIdentity(readFileSync(layout.identity(location))).groupRead;
  } catch {
    // Whoever opens it will say what is wrong with it.
  }
  return new DirectoryStore(location, { groupRead });
}

/** A root domain that is kept by itself. @throws ERR_KEYSTORE_ABSENT */
export function rootKeystoreAt(location: string): DirectoryStore {
  const store = new DirectoryStore(location, { groupRead: false });
  try {
    readFileSync(layout.identity(location));
  } catch (cause) {
    throw new ClusterCaError('ERR_KEYSTORE_ABSENT', `there is no root keystore at ${location}`, {
      hint: 'insert or mount the medium that init --root-keystore wrote',
      cause,
    });
  }
  return store;
}
