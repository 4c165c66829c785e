import { existsSync } from 'node:fs';
import { readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { randomBytes } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { linkNew, syncDirectory, writeNew } from '../keystore/directory/durable.ts';
import { errno, storageError } from '../keystore/directory/errors.ts';
import { parseTemporaryName, temporaryName } from '../placement/temporary-name.ts';
import { readSecretFile } from './read-source.ts';

export const KEY_FILE_LENGTH = 32;

/** Reads a key file: exactly 32 octets. @throws ERR_USAGE, ERR_KEYSTORE_PERMISSIONS */
export function readKeyFile(path: string): Uint8Array {
  const bytes = readSecretFile(path, 'key file');
  if (bytes.length !== KEY_FILE_LENGTH)
    throw new ClusterCaError('ERR_USAGE', `the key file ${path} has ${bytes.length} bytes, not ${KEY_FILE_LENGTH}`, {
      hint: 'cluster-ca init --key-file PATH makes one where there is none',
    });
  return bytes;
}

/**
 * Reads a key file, or makes it (32 random octets, 0600) where there is none: whole or not at all, and durable with its
 * name, before anything is sealed with it.
 * @throws as `readKeyFile`, and ERR_STORAGE
 */
export async function readOrMakeKeyFile(path: string): Promise<Uint8Array> {
  if (existsSync(path)) return readKeyFile(path);
  const bytes = randomBytes(KEY_FILE_LENGTH);
  const temporary = join(dirname(path), temporaryName(basename(path)));
  try {
    await sweep(path);
    await writeNew(temporary, bytes, 0o600);
    const mine = await name(temporary, path);
    await syncDirectory(dirname(path));
    return mine ? bytes : readKeyFile(path);
  } catch (error) {
    throw storageError(error, 'make', path);
  }
}

/** Gives it its name. @returns false when another run has made one meanwhile */
async function name(temporary: string, path: string): Promise<boolean> {
  try {
    return await linkNew(temporary, path);
  } catch (error) {
    // A medium without hard links.
    if (!['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'].includes(errno(error) ?? '') || existsSync(path)) throw error;
    await rename(temporary, path);
    return true;
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

/** Removes what runs that were killed have left of it: nothing is sealed with those. */
async function sweep(path: string): Promise<void> {
  for (const found of await readdir(dirname(path)).catch(() => []))
    if (isLeftover(found, path)) await unlink(join(dirname(path), found)).catch(() => {});
}

function isLeftover(found: string, path: string): boolean {
  const leftover = parseTemporaryName(found);
  return leftover?.final === basename(path) && (leftover.gone || leftover.mine);
}
