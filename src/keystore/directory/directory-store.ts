import { mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sha256Hex } from '../../crypto/hash.ts';
import type { AppendOutcome, BlobFamily, Store } from '../store.ts';
import { renameDurably, syncDirectory } from './durable.ts';
import { errno, storageError } from './errors.ts';
import { DIRECTORIES, layout, PRIVATE } from './layout.ts';
import { checkPermissions } from './permissions.ts';
import { namesIn, readIfThere } from './read.ts';
import { appendRecord, lastRecord, makeRecordDurable } from './records.ts';
import { announceServing } from './serving.ts';
import { isLiving } from './sign-of-life.ts';
import { createFile, probeLinks, stage, sweepStaged } from './staging.ts';
import { takeTurn } from './turn.ts';

const BLOCK = 4096;
/** Four blocks: a short CRL, a record, and what the two are staged as. */
const LEAST_ROOM = 4 * BLOCK;
const wholeBlocks = (octets: number): number => Math.floor(octets / BLOCK) * BLOCK;

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
    return readIfThere(layout.identity(this.location));
  }

  async readRecord(seq: number): Promise<Uint8Array | undefined> {
    return readIfThere(layout.record(this.location, seq));
  }

  lastRecord(): Promise<number | undefined> {
    return lastRecord(this.location);
  }

  append(seq: number, bytes: Uint8Array): Promise<AppendOutcome> {
    return appendRecord(this.location, seq, bytes, { mode: this.#mode('log'), groupRead: this.#groupRead });
  }

  makeDurable(seq: number): Promise<void> {
    return makeRecordDurable(this.location, seq);
  }

  putObject(sha256: string, bytes: Uint8Array): Promise<void> {
    return createFile(this.location, layout.object(this.location, sha256), bytes, this.#mode('objects'));
  }

  async getObject(sha256: string): Promise<Uint8Array | undefined> {
    return readIfThere(layout.object(this.location, sha256));
  }

  async deleteObject(sha256: string): Promise<void> {
    await unlink(layout.object(this.location, sha256)).catch(() => {});
  }

  async readBlob(family: BlobFamily, name: string): Promise<Uint8Array | undefined> {
    return readIfThere(layout.blob(this.location, family, name));
  }

  createBlob(family: BlobFamily, name: string, bytes: Uint8Array): Promise<void> {
    return createFile(this.location, layout.blob(this.location, family, name), bytes, this.#mode(family));
  }

  async replaceBlob(
    family: BlobFamily,
    name: string,
    expected: string | undefined,
    bytes: Uint8Array,
  ): Promise<boolean> {
    const path = layout.blob(this.location, family, name);
    const found = readIfThere(path);
    if ((found === undefined ? undefined : sha256Hex(found)) !== expected) return false;
    const temporary = await stage(this.location, bytes, this.#mode(family));
    try {
      await renameDurably(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw storageError(error, 'replace', path);
    }
    return true;
  }

  async listBlobs(family: BlobFamily): Promise<string[]> {
    return (await namesIn(`${this.location}/${family}`)).sort();
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

  announceServing(): Promise<() => Promise<void>> {
    return announceServing(layout.serving(this.location), this.#mode('serving'));
  }

  isServing(): Promise<boolean> {
    return isLiving(layout.serving(this.location));
  }

  checkPermissions(): Promise<void> {
    return checkPermissions(this.location, this.#groupRead);
  }

  async checkWritable(): Promise<void> {
    if (this.#probed) return;
    await probeLinks(this.location);
    await sweepStaged(this.location);
    this.#probed = true;
  }

  async holdRoom(bytes: number): Promise<void> {
    const path = layout.reserve(this.location);
    const size = await stat(path).then(
      (status) => status.size,
      () => 0,
    );
    if (size >= bytes && size <= 4 * bytes) return;
    let held = await this.#hold(path, bytes);
    // Where there is not so much room, as much of it as there is: a small revocation needs few blocks.
    for (let octets = bytes; !held; held = await this.#hold(path, octets)) {
      octets = wholeBlocks(octets / 2);
      if (octets <= size || octets < LEAST_ROOM) return;
    }
  }

  async #hold(path: string, octets: number): Promise<boolean> {
    const temporary = await stage(this.location, new Uint8Array(octets), 0o600).catch(() => undefined);
    if (temporary === undefined) return false;
    return renameDurably(temporary, path).then(
      () => true,
      () =>
        unlink(temporary).then(
          () => false,
          () => false,
        ),
    );
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
}
