import { constants, existsSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errno } from './errors.ts';

/** Makes a directory's entries durable. A failed fsync is never retried: the kernel may have dropped the pages. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a directory and those above it that are missing, each with its name durable: what is put into it later, and made
 * durable, is not lost with it. (Not mkdir's own recursion: it calls a read-only file system ENOENT.)
 */
export async function makeDirectories(path: string, mode: number): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const one of missing) {
    await mkdir(one, { mode }).catch((error: unknown) => {
      if (errno(error) !== 'EEXIST') throw error;
    });
    await syncDirectory(dirname(one)).catch((error: unknown) => {
      // A directory in which one may make things and not list them.
      if (errno(error) !== 'EACCES') throw error;
    });
  }
  if (!(await stat(path)).isDirectory()) throw Object.assign(new Error(`${path} is no directory`), { code: 'ENOTDIR' });
}

/** Makes a file's content durable. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a new file and makes its content durable, but not yet its name. Fails with EEXIST; leaves nothing after a failure. */
export async function writeNew(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'wx', mode);
    await handle.chmod(mode);
    await handle.writeFile(bytes);
    await handle.sync();
    await handle.close();
  } catch (error) {
    await handle?.close().catch(() => {});
    if (errno(error) !== 'EEXIST') await unlink(path).catch(() => {});
    throw error;
  }
}

/** Renames into place and makes the name durable. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
}

/** Replaces or makes a file at once: a reader sees the old content or the new, and after the return the new is durable. */
export async function replaceDurably(path: string, temporary: string, bytes: Uint8Array, mode: number): Promise<void> {
  await writeNew(temporary, bytes, mode);
  try {
    await renameDurably(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
}

/**
 * Renames into place unless something is there, and makes the name durable. False when the name is taken. Where there
 * are no hard links (FAT), an empty file holds the name for a moment.
 */
export async function renameNew(from: string, to: string): Promise<boolean> {
  try {
    if (!(await linkNew(from, to))) return false;
    await unlink(from);
  } catch (error) {
    if (!WITHOUT_LINKS.has(errno(error) ?? '')) throw error;
    if (!(await holdName(to))) return false;
    await rename(from, to).catch(async (cause: unknown) => {
      await unlink(to).catch(() => {});
      throw cause;
    });
  }
  await syncDirectory(dirname(to));
  return true;
}

/** What a file system without hard links answers to link(2). */
const WITHOUT_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

async function holdName(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx', 0o600)).close();
    return true;
  } catch (error) {
    if (errno(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Gives a written file its final name unless it is taken. False with EEXIST. The name is not yet durable. */
export async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errno(error) === 'EEXIST') return false;
    throw error;
  }
}
