import { existsSync } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { randomBytes } from '../../crypto/hash.ts';
import { ClusterCaError } from '../../errors.ts';
import { toHex } from '../../pki/encoding.ts';
import { linkNew, syncDirectory, syncFile, writeNew } from './durable.ts';
import { errno, storageError } from './errors.ts';
import { layout } from './layout.ts';
import { readIfThere, sameBytes } from './read.ts';

const DAY = 86_400_000;

/** A durable file in tmp/, under a name that no other process uses. @throws ERR_STORAGE */
export async function stage(root: string, bytes: Uint8Array, mode: number): Promise<string> {
  const path = layout.temporary(root, `${process.pid}-${toHex(randomBytes(8))}`);
  try {
    await writeNew(path, bytes, mode);
    return path;
  } catch (error) {
    throw storageError(error, 'write', path);
  }
}

/** Stages octets and links them; staged anew when they were swept from tmp/ while this process slept. */
export async function stageAndLink(
  root: string,
  bytes: Uint8Array,
  mode: number,
  link: (temporary: string) => Promise<boolean>,
): Promise<boolean> {
  for (let again = true; ; again = false) {
    const temporary = await stage(root, bytes, mode);
    try {
      return await link(temporary);
    } catch (error) {
      if (!again || errno(error) !== 'ENOENT' || existsSync(temporary)) throw error;
    } finally {
      await unlink(temporary).catch(() => {});
    }
  }
}

/** Makes a file, durably, unless it is there with the same octets. @throws ERR_EXISTS with others; ERR_STORAGE */
export async function createFile(root: string, target: string, bytes: Uint8Array, mode: number): Promise<void> {
  try {
    if (!(await stageAndLink(root, bytes, mode, (temporary) => linkNew(temporary, target)))) {
      if (!sameBytes(readIfThere(target), bytes))
        throw new ClusterCaError('ERR_EXISTS', `${target} is there with other content`);
      await syncFile(target);
    }
    await syncDirectory(dirname(target));
  } catch (error) {
    throw storageError(error, 'write', target);
  }
}

/** Hard links and directory fsync are what safety rests on: without them nothing is written. @throws ERR_STORAGE */
export async function probeLinks(root: string): Promise<void> {
  const temporary = await stage(root, new Uint8Array(0), 0o600);
  const second = `${temporary}.link`;
  try {
    if (!(await linkNew(temporary, second))) throw new Error('a name in tmp/ is taken');
    await syncDirectory(dirname(second));
  } catch (cause) {
    throw new ClusterCaError('ERR_STORAGE', `${root} is on a file system without hard links or directory fsync`, {
      hint: 'put the keystore on ext4, XFS, APFS or NFSv4',
      cause,
    });
  } finally {
    await unlink(second).catch(() => {});
    await unlink(temporary).catch(() => {});
  }
}

/** Removes what a killed process left in tmp/ more than a day ago. */
export async function sweepStaged(root: string): Promise<void> {
  for (const name of await readdir(`${root}/tmp`).catch(() => [])) {
    const path = layout.temporary(root, name);
    const status = await stat(path).catch(() => undefined);
    if (status !== undefined && Date.now() - status.mtimeMs > DAY) await unlink(path).catch(() => {});
  }
}
