import { readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { errno, storageError } from './errors.ts';

/** A file's octets; undefined where there is none. @throws ERR_STORAGE */
export function readIfThere(path: string): Uint8Array | undefined {
  try {
    // A log is read on until there is no next record: that is no error, and as one it would cost more than the reading.
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    return readFileSync(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw storageError(error, 'read', path);
  }
}

/** The names in a directory; none where there is no such directory. @throws ERR_STORAGE */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw storageError(error, 'list', path);
  }
}

/** Those of them that are numbers in decimal, ascending. @throws ERR_STORAGE */
export async function numbersIn(path: string): Promise<number[]> {
  const numbers = (await namesIn(path)).filter((name) => /^(0|[1-9]\d{0,14})$/.test(name)).map(Number);
  return numbers.sort((a, b) => a - b);
}

export function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}

function isAbsent(error: unknown): boolean {
  return errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR';
}
