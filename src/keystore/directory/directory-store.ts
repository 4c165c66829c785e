import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { randomBytes, sha256Hex } from '../../crypto/hash.ts';
import { ClusterCaError } from '../../errors.ts';
import { toHex } from '../../pki/encoding.ts';
import type { AppendOutcome, BlobFamily, Store } from '../store.ts';
import { linkNew, renameDurably, syncDirectory, syncFile, writeNew } from './durable.ts';
import { errno, reason, storageError } from './errors.ts';
import { DIRECTORIES, LOG_FANOUT, layout, PRIVATE } from './layout.ts';
import { checkPermissions } from './permissions.ts';
import { takeTurn } from './turn.ts';

const DAY = 86_400_000;

/** A keystore in a local directory (or NFSv4): hard links for compare-and-append, fsync for durability. */
export class DirectoryStore implements Store {
  readonly location: string;
  readonly #groupRead: boolean;
  #probed = false;

  constructor(root: string, options: { groupRead: boolean }) {
    this.location = root;
    this.#groupRead = options.groupRead;
  }

  /** Makes the directories of a new keystore inside an existing, empty one. */
  static async layOut(root: string, options: { groupRead: boolean; families?: readonly string[] }): Promise<void> {
    for (const name of options.families ?? DIRECTORIES) {
      const path = `${root}/${name}`;
      try {
        await mkdir(path, { mode: 0o700 });
        if (options.groupRead && !PRIVATE.has(name)) {
          const handle = await open(path, 'r');
          await handle.chmod(0o750);
          await handle.close();
        }
      } catch (error) {
        throw storageError(error, 'make', path);
      }
    }
  }

  async readIdentity(): Promise<Uint8Array | undefined> {
    return this.#read(layout.identity(this.location));
  }

  async readRecord(seq: number): Promise<Uint8Array | undefined> {
    return this.#read(layout.record(this.location, seq));
  }

  async lastRecord(): Promise<number | undefined> {
    for (const directory of (await this.#numbersIn(`${this.location}/log`)).reverse()) {
      const inIt = await this.#numbersIn(`${this.location}/log/${directory}`);
      const last = inIt.filter((seq) => Math.floor(seq / LOG_FANOUT) === directory).at(-1);
      if (last !== undefined) return last;
    }
    return undefined;
  }

  async append(seq: number, bytes: Uint8Array): Promise<AppendOutcome> {
    const target = layout.record(this.location, seq);
    const directory = dirname(target);
    try {
      if (seq % LOG_FANOUT === 0) await this.#makeLogDirectory(directory);
      const link = (temporary: string) => this.#linkRecord(temporary, target);
      if (!(await this.#stageAndLink(bytes, this.#mode('log'), link)) && !sameBytes(this.#read(target), bytes))
        return 'lost';
    } catch (error) {
      if (isDefinite(error)) throw storageError(error, 'write', target);
      // An I/O error of the link itself: it may have been made all the same.
      const found = this.#readAfter(error, seq, target);
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

  #readAfter(cause: unknown, seq: number, target: string): Uint8Array | undefined {
    try {
      return this.#read(target);
    } catch {
      throw outcomeUnknown(seq, cause);
    }
  }

  async makeDurable(seq: number): Promise<void> {
    const path = layout.record(this.location, seq);
    try {
      await syncFile(path);
      await syncDirectory(dirname(path));
    } catch (error) {
      throw storageError(error, 'sync', path);
    }
  }

  async putObject(sha256: string, bytes: Uint8Array): Promise<void> {
    const target = layout.object(this.location, sha256);
    await this.#create(target, bytes, this.#mode('objects'));
  }

  async getObject(sha256: string): Promise<Uint8Array | undefined> {
    return this.#read(layout.object(this.location, sha256));
  }

  async deleteObject(sha256: string): Promise<void> {
    await unlink(layout.object(this.location, sha256)).catch(() => {});
  }

  async readBlob(family: BlobFamily, name: string): Promise<Uint8Array | undefined> {
    return this.#read(layout.blob(this.location, family, name));
  }

  async createBlob(family: BlobFamily, name: string, bytes: Uint8Array): Promise<void> {
    await this.#create(layout.blob(this.location, family, name), bytes, this.#mode(family));
  }

  async replaceBlob(
    family: BlobFamily,
    name: string,
    expected: string | undefined,
    bytes: Uint8Array,
  ): Promise<boolean> {
    const path = layout.blob(this.location, family, name);
    const found = this.#read(path);
    if ((found === undefined ? undefined : sha256Hex(found)) !== expected) return false;
    const temporary = await this.#stage(bytes, this.#mode(family));
    try {
      await renameDurably(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw storageError(error, 'replace', path);
    }
    return true;
  }

  async listBlobs(family: BlobFamily): Promise<string[]> {
    return (await this.#namesIn(`${this.location}/${family}`)).sort();
  }

  async deleteBlob(family: BlobFamily, name: string): Promise<void> {
    const path = layout.blob(this.location, family, name);
    try {
      await unlink(path);
      await syncDirectory(dirname(path));
    } catch (error) {
      if (errno(error) !== 'ENOENT') throw storageError(error, 'remove', path);
    }
  }

  takeTurn(wait: number): Promise<() => Promise<void>> {
    return takeTurn(layout.lock(this.location), this.#mode('lock'), wait);
  }

  checkPermissions(): Promise<void> {
    return checkPermissions(this.location, this.#groupRead);
  }

  async checkWritable(): Promise<void> {
    if (this.#probed) return;
    await this.#probe();
    await this.#sweep();
    this.#probed = true;
  }

  async holdRoom(bytes: number): Promise<void> {
    const path = layout.reserve(this.location);
    const size = await stat(path).then(
      (status) => status.size,
      () => 0,
    );
    if (size >= bytes && size <= 4 * bytes) return;
    const temporary = await this.#stage(new Uint8Array(bytes), 0o600).catch(() => undefined);
    if (temporary !== undefined) await renameDurably(temporary, path).catch(() => unlink(temporary).catch(() => {}));
  }

  async releaseRoom(): Promise<boolean> {
    return unlink(layout.reserve(this.location)).then(
      () => true,
      () => false,
    );
  }

  #mode(family: string): number {
    return this.#groupRead && !PRIVATE.has(family) ? 0o640 : 0o600;
  }

  #read(path: string): Uint8Array | undefined {
    try {
      return readFileSync(path);
    } catch (error) {
      if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
      throw storageError(error, 'read', path);
    }
  }

  async #namesIn(path: string): Promise<string[]> {
    try {
      return await readdir(path);
    } catch (error) {
      if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return [];
      throw storageError(error, 'list', path);
    }
  }

  async #numbersIn(path: string): Promise<number[]> {
    const numbers = (await this.#namesIn(path)).filter((name) => /^(0|[1-9]\d{0,14})$/.test(name)).map(Number);
    return numbers.sort((a, b) => a - b);
  }

  /** A durable file in tmp/, under a name that no other process uses. */
  async #stage(bytes: Uint8Array, mode: number): Promise<string> {
    const path = layout.temporary(this.location, `${process.pid}-${toHex(randomBytes(8))}`);
    try {
      await writeNew(path, bytes, mode);
      return path;
    } catch (error) {
      throw storageError(error, 'write', path);
    }
  }

  /** Stages octets and links them; staged anew when they were swept from tmp/ while this process slept. */
  async #stageAndLink(
    bytes: Uint8Array,
    mode: number,
    link: (temporary: string) => Promise<boolean>,
  ): Promise<boolean> {
    for (let again = true; ; again = false) {
      const temporary = await this.#stage(bytes, mode);
      try {
        return await link(temporary);
      } catch (error) {
        if (!again || errno(error) !== 'ENOENT' || existsSync(temporary)) throw error;
      } finally {
        await unlink(temporary).catch(() => {});
      }
    }
  }

  async #create(target: string, bytes: Uint8Array, mode: number): Promise<void> {
    try {
      if (!(await this.#stageAndLink(bytes, mode, (temporary) => linkNew(temporary, target)))) {
        if (!sameBytes(this.#read(target), bytes))
          throw new ClusterCaError('ERR_EXISTS', `${target} is there with other content`);
        await syncFile(target);
      }
      await syncDirectory(dirname(target));
    } catch (error) {
      throw storageError(error, 'write', target);
    }
  }

  /** Links a record into place. The directory is missing when another writer died between making it and this. */
  async #linkRecord(temporary: string, target: string): Promise<boolean> {
    try {
      return await linkNew(temporary, target);
    } catch (error) {
      if (errno(error) !== 'ENOENT') throw error;
      await this.#makeLogDirectory(dirname(target));
      return linkNew(temporary, target);
    }
  }

  async #makeLogDirectory(path: string): Promise<void> {
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (errno(error) !== 'EEXIST') throw error;
    });
    if (this.#groupRead) {
      const handle = await open(path, 'r');
      await handle.chmod(0o750);
      await handle.close();
    }
    await syncDirectory(dirname(path));
  }

  /** Hard links and directory fsync are what safety rests on: without them nothing is written. */
  async #probe(): Promise<void> {
    const temporary = await this.#stage(new Uint8Array(0), 0o600);
    const second = `${temporary}.link`;
    try {
      if (!(await linkNew(temporary, second))) throw new Error('a name in tmp/ is taken');
      await syncDirectory(dirname(second));
    } catch (cause) {
      throw new ClusterCaError(
        'ERR_STORAGE',
        `${this.location} is on a file system without hard links or directory fsync`,
        {
          hint: 'put the keystore on ext4, XFS, APFS or NFSv4',
          cause,
        },
      );
    } finally {
      await unlink(second).catch(() => {});
      await unlink(temporary).catch(() => {});
    }
  }

  /** Removes what a killed process left in tmp/ more than a day ago. */
  async #sweep(): Promise<void> {
    const directory = `${this.location}/tmp`;
    for (const name of await readdir(directory).catch(() => [])) {
      const path = `${directory}/${name}`;
      const status = await stat(path).catch(() => undefined);
      if (status !== undefined && Date.now() - status.mtimeMs > DAY) await unlink(path).catch(() => {});
    }
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
    { hint: 'run the same command again with the printed request id', cause },
  );
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}
