import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClusterCaError } from '../../errors.ts';
import type { AppendOutcome } from '../store.ts';
import { linkNew, syncDirectory, syncFile } from './durable.ts';
import { errno, reason, storageError } from './errors.ts';
import { LOG_FANOUT, layout } from './layout.ts';
import { numbersIn, readIfThere, sameBytes } from './read.ts';
import { stageAndLink } from './staging.ts';

/** The highest number that a file of log/ has, in the directory that it belongs to. @throws ERR_STORAGE */
export async function lastRecord(root: string): Promise<number | undefined> {
  for (const directory of (await numbersIn(`${root}/log`)).reverse()) {
    const inIt = await numbersIn(`${root}/log/${directory}`);
    const last = inIt.filter((seq) => Math.floor(seq / LOG_FANOUT) === directory).at(-1);
    if (last !== undefined) return last;
  }
  return undefined;
}

/**
 * Compare and append: link(2) gives a record its name for one writer, ever.
 * @throws ERR_STORAGE when nothing was made; ERR_OUTCOME_UNKNOWN
 */
export async function appendRecord(
  root: string,
  seq: number,
  bytes: Uint8Array,
  access: { mode: number; groupRead: boolean },
): Promise<AppendOutcome> {
  const target = layout.record(root, seq);
  const directory = dirname(target);
  const { mode, groupRead } = access;
  try {
    if (seq % LOG_FANOUT === 0) await makeLogDirectory(directory, groupRead);
    const link = (temporary: string) => linkRecord(temporary, target, groupRead);
    if (!(await stageAndLink(root, bytes, mode, link)) && !sameBytes(readIfThere(target), bytes)) return 'lost';
  } catch (error) {
    if (isDefinite(error)) throw storageError(error, 'write', target);
    // An I/O error of the link itself: it may have been made all the same.
    const found = readAfter(error, seq, target);
    if (found === undefined) throw storageError(error, 'write', target);
    if (!sameBytes(found, bytes)) return 'lost';
  }
  try {
    await syncDirectory(directory);
  } catch (cause) {
    throw outcomeUnknown(seq, cause);
  }
  return 'appended';
}

/** Makes a record that somebody else wrote durable. @throws ERR_STORAGE */
export async function makeRecordDurable(root: string, seq: number): Promise<void> {
  const path = layout.record(root, seq);
  try {
    await syncFile(path);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw storageError(error, 'sync', path);
  }
}

/** Links a record into place. The directory is missing when another writer died between making it and this. */
async function linkRecord(temporary: string, target: string, groupRead: boolean): Promise<boolean> {
  try {
    return await linkNew(temporary, target);
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error;
    await makeLogDirectory(dirname(target), groupRead);
    return linkNew(temporary, target);
  }
}

async function makeLogDirectory(path: string, groupRead: boolean): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (errno(error) !== 'EEXIST') throw error;
  });
  if (groupRead) {
    const handle = await open(path, 'r');
    await handle.chmod(0o750);
    await handle.close();
  }
  await syncDirectory(dirname(path));
}

function readAfter(cause: unknown, seq: number, target: string): Uint8Array | undefined {
  try {
    return readIfThere(target);
  } catch {
    throw outcomeUnknown(seq, cause);
  }
}

/** Errors that say for certain that nothing was made; behind any other it may have been. */
const DEFINITE = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'EMLINK', 'EMFILE']);

function isDefinite(error: unknown): boolean {
  return error instanceof ClusterCaError || DEFINITE.has(errno(error) ?? '');
}

function outcomeUnknown(seq: number, cause: unknown): ClusterCaError {
  return new ClusterCaError(
    'ERR_OUTCOME_UNKNOWN',
    `cannot tell whether log record ${seq} is stored: ${reason(cause)}`,
    { hint: 'run the same command again: it finishes what was begun', cause },
  );
}
