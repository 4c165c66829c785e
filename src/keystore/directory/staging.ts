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

/** How often a file is made that others keep removing. */
const MOST_TRIES = 20;

/** Makes a file, durably, unless it is there with the same octets. @throws ERR_EXISTS with others; ERR_STORAGE */
export async function createFile(root: string, target: string, bytes: Uint8Array, mode: number): Promise<void> {
  try {
    // What was there may be gone before it was looked at: another process removes pages that its snapshot does not name.
    for (let tries = 1; !(await makeOrFind(root, target, bytes, mode)); tries++)
      if (tries === MOST_TRIES) throw new Error('it was removed again and again');
    await syncDirectory(dirname(target));
  } catch (error) {
    throw storageError(error, 'write', target);
  }
}

/** @returns false when it was there, and is gone */
async function makeOrFind(root: string, target: string, bytes: Uint8Array, mode: number): Promise<boolean> {
  if (await stageAndLink(root, bytes, mode, (temporary) => linkNew(temporary, target))) return true;
  const there = readIfThere(target);
  if (there === undefined) return false;
  if (!sameBytes(there, bytes)) throw new ClusterCaError('ERR_EXISTS', `${target} is there with other content`);
  try {
    await syncFile(target);
    return true;
  } catch (error) {
    if (errno(error) === 'ENOENT') return false;
    throw error;
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
