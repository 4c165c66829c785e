import { lstat, mkdir, mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Anchor } from '../keystore/anchor.ts';
import { DirectoryStore } from '../keystore/directory/directory-store.ts';
import { storageError } from '../keystore/directory/errors.ts';
import { isAlive } from '../keystore/directory/process-alive.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { UnlockedDomain } from '../keystore/unlock.ts';
import { openBackup } from './file.ts';
import { proveRestored } from './prove.ts';
import { type Unpacked, unpack } from './unpack.ts';

const DAY = 86_400_000;
const PREFIX = 'cluster-ca-trial-';

export interface TrialOptions {
  /** What opens the file. */
  secrets: readonly Secret[];
  /** What opens the keystore's daily domain, where it is known. */
  keystoreSecrets?: readonly Secret[] | undefined;
  /** Or its domains that are open already. */
  domains?: readonly UnlockedDomain[] | undefined;
  head?: Anchor | undefined;
  now: Date;
  onProgress: (text: string) => void;
}

/**
 * Restores a backup into a temporary directory (0700), checks it whole, and removes it again.
 * @throws ERR_KEYSTORE_TAMPERED when it cannot be restored; ERR_STORAGE
 */
export async function trialRestore<T>(
  path: string,
  options: TrialOptions,
  use: (keystore: Keystore, unpacked: Unpacked) => Promise<T>,
): Promise<T> {
  const directory = await temporaryDirectory();
  const [main, root] = [join(directory, 'keystore'), join(directory, 'root')];
  try {
    for (const place of [main, root]) {
      await mkdir(place, { mode: 0o700 }).catch((error: unknown) => {
        throw storageError(error, 'make', place);
      });
      await DirectoryStore.layOut(place, { groupRead: false });
    }
    const backup = await openBackup(path, options.secrets);
    try {
      const places = { main, root, groupRead: false, durable: false };
      const unpacked = await unpack(backup.entries, places, (n) => options.onProgress(`${n} files restored on trial`));
      const { keystoreSecrets: secrets, domains, head, now, onProgress } = options;
      const rootPlace = unpacked.rootElsewhere ? root : undefined;
      const keystore = await proveRestored({ main, root: rootPlace, head, secrets, domains, now, onProgress });
      return await use(keystore, unpacked);
    } finally {
      await backup.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true }).catch(() => {});
  }
}

/** A directory of this process (0700), in which a trial is made; the next trial removes what a killed one left. @throws ERR_STORAGE */
export async function temporaryDirectory(): Promise<string> {
  const parent = tmpdir();
  try {
    await sweep(parent);
    return await mkdtemp(join(parent, `${PREFIX}${await processes()}.${process.pid}-`));
  } catch (error) {
    throw storageError(error, 'make a directory in', parent);
  }
}

/** Among whose processes a number means one: of this host, and of this container. Another may share the directory. */
async function processes(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return `${hostname()}.${/\d+/.exec(namespace)?.[0] ?? 0}`;
}

/** Removes what killed trials of this user left: of processes that are seen from here, and of others when a day old. */
async function sweep(parent: string): Promise<void> {
  const own = await processes();
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(parent, name);
    const status = await lstat(path).catch(() => undefined);
    if (!status?.isDirectory() || status.uid !== process.geteuid?.()) continue;
    const [, whose, pid] = /^(.*)\.(\d+)-[^-.]+$/.exec(name.slice(PREFIX.length)) ?? [];
    if (whose === own ? !isAlive(Number(pid)) : Date.now() - status.mtimeMs > DAY)
      await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}
