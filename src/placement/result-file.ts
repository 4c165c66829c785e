import { constants } from 'node:fs';
import { type FileHandle, open, readdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { renameDurably, renameNew, replaceDurably } from '../keystore/directory/durable.ts';
import { storageError } from '../keystore/directory/errors.ts';
import { parseTemporaryName, temporaryName } from './temporary-name.ts';

/** The mode of a result that anybody may read, and of one that holds a secret. */
export const PUBLIC_RESULT = 0o644;
export const SECRET_RESULT = 0o600;

const UNFINISHED = 'result.pem';

/** Writes a result to a file, whole or not at all. @throws ERR_STORAGE */
export async function writeResultFile(path: string, bytes: Uint8Array, mode = PUBLIC_RESULT): Promise<void> {
  try {
    await replaceDurably(path, join(dirname(path), temporaryName(UNFINISHED)), bytes, mode);
  } catch (error) {
    throw storageError(error, 'write', path);
  }
}

/** Writes a result to a file where nothing is. False when something is there: then it stays as it is. @throws ERR_STORAGE */
export async function writeNewResult(path: string, bytes: Uint8Array, mode = PUBLIC_RESULT): Promise<boolean> {
  const file = await ResultFile.open(path, mode);
  try {
    await file.write(bytes);
    return await file.finishNew();
  } finally {
    await file.abandon();
  }
}

/** Removes unfinished results of runs that are over. */
async function sweep(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const found = parseTemporaryName(name);
    if (found?.final === UNFINISHED && (found.gone || found.mine)) await unlink(join(directory, name)).catch(() => {});
  }
}

/** A result that is written piece by piece under a temporary name, and is there whole or not at all. */
export class ResultFile {
  readonly path: string;
  readonly temporary: string;
  readonly #handle: FileHandle;

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.temporary = temporary;
    this.#handle = handle;
  }

  /** @throws ERR_STORAGE */
  static async open(path: string, mode = PUBLIC_RESULT): Promise<ResultFile> {
    const temporary = join(dirname(path), temporaryName(UNFINISHED));
    try {
      await sweep(dirname(path));
      const handle = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
      await handle.chmod(mode);
      return new ResultFile(path, temporary, handle);
    } catch (error) {
      throw storageError(error, 'write', path);
    }
  }

  /** @throws ERR_STORAGE */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length; ) at += (await this.#handle.write(bytes, at)).bytesWritten;
    } catch (error) {
      throw storageError(error, 'write', this.path);
    }
  }

  /** Makes what was written durable, still under the temporary name. @throws ERR_STORAGE */
  async sync(): Promise<void> {
    try {
      await this.#handle.sync();
    } catch (error) {
      throw storageError(error, 'write', this.path);
    }
  }

  /** Puts it into place, durably. @throws ERR_STORAGE */
  async finish(): Promise<void> {
    await this.sync();
    try {
      await this.#handle.close();
      await renameDurably(this.temporary, this.path);
    } catch (error) {
      throw storageError(error, 'write', this.path);
    }
  }

  /** Puts it into place, durably, where nothing is. False when something is there: then it stays as it is. @throws ERR_STORAGE */
  async finishNew(): Promise<boolean> {
    await this.sync();
    try {
      await this.#handle.close();
      return await renameNew(this.temporary, this.path);
    } catch (error) {
      throw storageError(error, 'write', this.path);
    }
  }

  /** Removes it again. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await unlink(this.temporary).catch(() => {});
  }
}
