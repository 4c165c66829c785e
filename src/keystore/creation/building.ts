import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClusterCaError } from '../../errors.ts';
import { DirectoryStore } from '../directory/directory-store.ts';
import { makeDirectories, syncDirectory, writeNew } from '../directory/durable.ts';
import { errno, storageError } from '../directory/errors.ts';
import { layout } from '../directory/layout.ts';
import { removeWhole, temporaryFor } from './leftovers.ts';

/** One directory being built beside its final place, so that a killed init or restore leaves nothing in the way. */
export class Building {
  readonly store: DirectoryStore;
  readonly #temporary: string;
  readonly #location: string;
  #placed = false;
  #kept = false;

  private constructor(location: string, temporary: string, groupRead: boolean) {
    this.#location = location;
    this.#temporary = temporary;
    this.store = new DirectoryStore(temporary, { groupRead });
  }

  static async begin(location: string, groupRead: boolean, families?: readonly string[]): Promise<Building> {
    const temporary = temporaryFor(location);
    try {
      await makeDirectories(dirname(location), 0o700);
      await mkdir(temporary, { mode: 0o700 });
    } catch (error) {
      throw storageError(error, 'make', temporary);
    }
    await DirectoryStore.layOut(temporary, {
      groupRead,
      ...(families === undefined ? {} : { families: [...families, 'tmp'] }),
    });
    return new Building(location, temporary, groupRead);
  }

  async writeIdentity(bytes: Uint8Array, groupRead: boolean): Promise<void> {
    const path = layout.identity(this.#temporary);
    await writeNew(path, bytes, groupRead ? 0o640 : 0o600).catch((error: unknown) => {
      throw storageError(error, 'write', path);
    });
  }

  /** Moves it onto its place, durably. @throws ERR_EXISTS when somebody was faster */
  async finish(groupRead: boolean): Promise<void> {
    try {
      const handle = await open(this.#temporary, 'r');
      await handle.chmod(groupRead ? 0o750 : 0o700);
      await handle.sync();
      await handle.close();
      await rename(this.#temporary, this.#location);
      this.#placed = true;
      await syncDirectory(dirname(this.#location));
    } catch (error) {
      const code = errno(error);
      if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR')
        throw new ClusterCaError('ERR_EXISTS', `${this.#location} is there already`, { cause: error });
      throw storageError(error, 'make', this.#location);
    }
  }

  /** Where it goes; until then it is at `store.location`. */
  get location(): string {
    return this.#location;
  }

  /** Whether it is there: also when only the durability of its name failed. */
  get placed(): boolean {
    return this.#placed;
  }

  /** Has the next run find it, as if this one had been killed. */
  keep(): void {
    this.#kept = true;
  }

  async abandon(): Promise<void> {
    if (!this.#kept) await rm(this.#temporary, { recursive: true, force: true }).catch(() => {});
  }
}

/**
 * Moves a keystore and its root domain, if that is elsewhere, onto their places: both or, after an error, neither.
 * @throws ERR_EXISTS, ERR_STORAGE
 */
export async function finishBoth(main: Building, root: Building | undefined, groupRead: boolean): Promise<void> {
  try {
    await root?.finish(false);
    await main.finish(groupRead);
  } catch (error) {
    // A root that cannot be taken back is the next run's to clear: it knows it by what main notes.
    if (root?.placed && !main.placed) await removeWhole(root.location).catch(() => main.keep());
    throw error;
  }
}
