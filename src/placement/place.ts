import { readFileSync } from 'node:fs';
import { chown, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterCaError } from '../errors.ts';
import { makeDirectories, syncDirectory, writeNew } from '../keystore/directory/durable.ts';
import { errno, storageError } from '../keystore/directory/errors.ts';
import type { Owner } from './owner.ts';
import { type Leftover, parseTemporaryName, temporaryName } from './temporary-name.ts';

/** Who may read what is written. */
export interface FileAccess {
  keyMode: number;
  owner?: Owner | undefined;
}

/** The final names, in the order in which they are renamed into place. */
export const FILES = { trustBundle: 'ca.pem', key: 'key.pem', certificate: 'cert.pem' } as const;
export type FileName = (typeof FILES)[keyof typeof FILES];

/** The file by which it is shown that files can be made. */
const PROBE = 'probe.pem';
const PUBLIC_MODE = 0o644;
const DAY = 86_400_000;

/** The directory of one holder's files below `--out`. */
export function holderDirectory(out: string, holder: { kind: string; name: string; plane: string }): string {
  return holder.kind === 'node' ? join(out, holder.name, holder.plane) : join(out, 'clients', holder.name);
}

/** One directory that gets `cert.pem`, `key.pem` and `ca.pem`. Everything thrown is ERR_STORAGE unless said. */
export class Place {
  readonly directory: string;
  readonly #access: FileAccess;

  constructor(directory: string, access: FileAccess) {
    this.directory = directory;
    this.#access = access;
  }

  path(file: FileName): string {
    return join(this.directory, file);
  }

  /** Makes the directory and shows that a file can be made in it. */
  async open(): Promise<void> {
    const probe = join(this.directory, temporaryName(PROBE));
    try {
      await makeDirectories(this.directory, 0o755);
      await writeNew(probe, new Uint8Array(0), 0o600);
    } catch (error) {
      throw storageError(error, 'write in', this.directory);
    } finally {
      await unlink(probe).catch(() => {});
    }
  }

  /** The content of one of the files; undefined when it is absent. */
  read(file: FileName): Uint8Array | undefined {
    return this.#read(file);
  }

  /** Writes the key under a staged name, durably: from here on it is not lost. */
  async stageKey(pem: string): Promise<void> {
    const path = join(this.directory, temporaryName(FILES.key));
    await unlink(path).catch(() => {});
    await this.#write(path, pem, this.#access.keyMode);
    await syncDirectory(this.directory).catch((error: unknown) => {
      throw storageError(error, 'sync', this.directory);
    });
  }

  /** Looks for this run's staged key again, before the commit that makes it needed. @throws ERR_STATE when it is gone */
  async confirmStagedKey(): Promise<void> {
    const path = join(this.directory, temporaryName(FILES.key));
    if ((await stat(path).catch(() => undefined)) === undefined)
      throw new ClusterCaError('ERR_STATE', `the staged key ${path} is gone: something else cleans ${this.directory}`, {
        hint: 'nothing was issued: run the same command again',
      });
  }

  /** Takes back a staged key that nothing was committed for. */
  async unstageKey(): Promise<void> {
    await unlink(join(this.directory, temporaryName(FILES.key))).catch(() => {});
  }

  /**
   * Puts the files into place: trust bundle, key, certificate, in this order.
   * @param stagedKey the temporary name of the key; undefined when key.pem is there already or is none of ours
   */
  async finish(files: { certificate: string; trustBundle: string }, stagedKey: string | undefined): Promise<void> {
    const certificate = join(this.directory, temporaryName(FILES.certificate));
    const trustBundle = join(this.directory, temporaryName(FILES.trustBundle));
    await unlink(certificate).catch(() => {});
    await unlink(trustBundle).catch(() => {});
    await this.#write(certificate, files.certificate, PUBLIC_MODE);
    await this.#write(trustBundle, files.trustBundle, PUBLIC_MODE);
    try {
      await rename(trustBundle, this.path(FILES.trustBundle));
      if (stagedKey !== undefined) await rename(join(this.directory, stagedKey), this.path(FILES.key));
      await rename(certificate, this.path(FILES.certificate));
      await syncDirectory(this.directory);
    } catch (error) {
      throw storageError(error, 'put files into', this.directory);
    }
  }

  /** The name of this run's staged key. */
  get stagedKeyName(): string {
    return temporaryName(FILES.key);
  }

  /** What runs that are over left here: their process is gone, or they are a day old. With `mine` this run's too. */
  async leftovers({ mine = false } = {}): Promise<Leftover[]> {
    const names = await readdir(this.directory).catch(() => []);
    const found: Leftover[] = [];
    for (const name of names) {
      const leftover = parseTemporaryName(name);
      if (leftover === undefined || (leftover.mine && !mine)) continue;
      if (leftover.mine || leftover.gone || (await this.#age(name)) > DAY) found.push(leftover);
    }
    return found;
  }

  /** Removes what runs that are over left of looking whether files can be made here. */
  async removeProbes(): Promise<void> {
    for (const leftover of await this.leftovers()) if (leftover.final === PROBE) await this.removeLeftover(leftover);
  }

  readLeftover(leftover: Leftover): Uint8Array | undefined {
    return this.#read(leftover.name);
  }

  async removeLeftover(leftover: Leftover): Promise<void> {
    await unlink(join(this.directory, leftover.name)).catch(() => {});
  }

  #read(name: string): Uint8Array | undefined {
    const path = join(this.directory, name);
    try {
      return readFileSync(path);
    } catch (error) {
      if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
      throw storageError(error, 'read', path);
    }
  }

  async #age(name: string): Promise<number> {
    const status = await stat(join(this.directory, name)).catch(() => undefined);
    return status === undefined ? 0 : Date.now() - status.mtimeMs;
  }

  async #write(path: string, content: string, mode: number): Promise<void> {
    try {
      await writeNew(path, new TextEncoder().encode(content), mode);
      const { owner } = this.#access;
      if (owner !== undefined) await chown(path, owner.uid, owner.gid);
    } catch (error) {
      throw storageError(error, 'write', path);
    }
  }
}
