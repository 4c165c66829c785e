import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TAR_END } from '../../archive/tar.ts';
import { syncDirectory, syncFile } from '../../keystore/directory/durable.ts';
import { storageError } from '../../keystore/directory/errors.ts';
import { FILES, holderDirectory } from '../../placement/place.ts';
import { stagedKeys, temporaryName } from '../../placement/temporary-name.ts';
import type { WorkerReply } from './messages.ts';
import type { EntryOctets, Holding } from './output.ts';
import type { Pool } from './pool.ts';

/** A slice that was made; the pool keeps it. */
export interface Slice {
  id: number;
  holdings: Holding[];
  octets: EntryOctets;
}

/** An item whose files could not be written. */
export interface Unplaced {
  /** The slice, and the item's place in it. */
  slice: number;
  index: number;
  path: string;
  errno: string;
}

/** Where a fleet's files go. Everything thrown is ERR_STORAGE. */
export interface Sink {
  /** Puts the batch's private keys on the disk, durably, before its commit. */
  stageKeys(slices: Slice[], pool: Pool): Promise<void>;
  /** Looks for the staged keys again, before the commit that makes them needed. */
  confirmStaged(): Promise<void>;
  /** The batch at hand is made anew: its staged keys go, and those of another may be staged. */
  unstage(): Promise<void>;
  /** Writes the batch's files, after its commit. They are durable when `finish` returns; until then its keys stay staged. */
  place(slices: Slice[], pool: Pool): Promise<Unplaced[]>;
  /** The last batch was placed: makes durable what is not yet. */
  finish(): Promise<void>;
  /** Nothing of the batch at hand was committed: its staged keys go. */
  discard(): Promise<void>;
}

/**
 * `--out DIR`: a batch's keys are staged in one file; then all files are written, made durable in a second pass, and the
 * staged file goes. While the second pass waits for the disk, the next batch is staged, committed and written.
 */
export class DirectorySink implements Sink {
  readonly #out: string;
  readonly #onPlaced: (count: number) => void;
  #batches = 0;
  /** Of the batch at hand, until it is committed. */
  #staged = '';
  /** The second pass of the batch before. */
  #settled: Promise<void> = Promise.resolve();

  /** @param onPlaced is told how many certificates' files were written since the last call */
  constructor(out: string, onPlaced: (count: number) => void) {
    this.#out = out;
    this.#onPlaced = onPlaced;
  }

  async stageKeys(slices: Slice[], pool: Pool): Promise<void> {
    const staged = join(this.#out, temporaryName(stagedKeys(this.#batches++)));
    this.#staged = staged;
    try {
      await unlink(staged).catch(() => {});
      await stageKeysIn(staged, slices, pool);
      await syncDirectory(this.#out);
    } catch (error) {
      throw storageError(error, 'stage keys in', this.#out);
    }
  }

  async confirmStaged(): Promise<void> {
    await open(this.#staged, 'r').then(
      (handle) => handle.close(),
      (error: unknown) => {
        throw storageError(error, 'find the staged keys', this.#staged);
      },
    );
  }

  async unstage(): Promise<void> {
    await unlink(this.#staged).catch(() => {});
    this.#staged = '';
  }

  async place(slices: Slice[], pool: Pool): Promise<Unplaced[]> {
    const staged = this.#staged;
    this.#staged = '';
    const replies = await Promise.all(
      slices.map(async ({ id, holdings }) => {
        const reply = await pool.ask({ type: 'write', id, out: this.#out }, 'written');
        this.#onPlaced(holdings.length);
        return reply;
      }),
    );
    const failed = replies.flatMap((reply, i) =>
      reply.failed.map((failure) => ({ ...failure, slice: (slices[i] as Slice).id })),
    );
    await this.#settled;
    const holdings = slices.flatMap(({ holdings }) => holdings);
    // What could not be written is finished by the next run, with the keys that stay.
    this.#settled = this.#settle(holdings, failed.length === 0 ? staged : undefined);
    return failed;
  }

  async #settle(holdings: Holding[], staged: string | undefined): Promise<void> {
    await syncTree(this.#out, holdings);
    if (staged !== undefined) await unlink(staged).catch(() => {});
  }

  async finish(): Promise<void> {
    await this.#settled;
  }

  async discard(): Promise<void> {
    await this.#settled;
    if (this.#staged !== '') await unlink(this.#staged).catch(() => {});
  }
}

/** `--out FILE.tar`: keys, then certificates, batch by batch, staged beside FILE; renamed onto it when it is whole. */
export class ArchiveSink implements Sink {
  readonly #path: string;
  readonly #staged: string;
  #handle: FileHandle | undefined;
  #length = 0;
  #batchAt = 0;

  constructor(path: string) {
    this.#path = path;
    this.#staged = join(dirname(path), temporaryName(basename(path)));
  }

  async stageKeys(slices: Slice[], pool: Pool): Promise<void> {
    await this.#guard(async () => {
      const handle = await this.#open();
      this.#batchAt = this.#length;
      this.#length = await putSlices('stage', handle, this.#length, slices, pool);
      await handle.sync();
      await syncDirectory(dirname(this.#path));
    });
  }

  async confirmStaged(): Promise<void> {
    await this.#guard(async () => (await open(this.#staged, 'r')).close());
  }

  async unstage(): Promise<void> {
    await this.#guard(async () => {
      this.#length = this.#batchAt;
      await this.#handle?.truncate(this.#batchAt);
    });
  }

  async place(slices: Slice[], pool: Pool): Promise<Unplaced[]> {
    await this.#guard(async () => {
      this.#length = await putSlices('archive', await this.#open(), this.#length, slices, pool);
    });
    return [];
  }

  /** Entries that were made elsewhere: of certificates that a killed run committed. */
  async add(entries: Uint8Array): Promise<void> {
    await this.#guard(() => this.#append(entries));
  }

  async finish(): Promise<void> {
    await this.#guard(async () => {
      await this.#append(TAR_END);
      const handle = await this.#open();
      await handle.sync();
      await handle.close();
      await rename(this.#staged, this.#path);
      await syncDirectory(dirname(this.#path));
    });
  }

  async discard(): Promise<void> {
    if (this.#batchAt === 0) await unlink(this.#staged).catch(() => {});
    else await this.#handle?.truncate(this.#batchAt).catch(() => {});
  }

  async #open(): Promise<FileHandle> {
    this.#handle ??= await open(this.#staged, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
    return this.#handle;
  }

  async #append(octets: Uint8Array): Promise<void> {
    const handle = await this.#open();
    for (let done = 0; done < octets.length; ) {
      const { bytesWritten } = await handle.write(octets, done, octets.length - done, this.#length + done);
      done += bytesWritten;
    }
    this.#length += octets.length;
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storageError(error, 'write', this.#path);
    }
  }
}

/** Has the private keys of slices written into a new file, durably. */
export async function stageKeysIn(path: string, slices: Slice[], pool: Pool): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await putSlices('stage', handle, 0, slices, pool);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Has the entries of slices written behind each other, from an offset on. @returns the offset behind them */
async function putSlices(
  type: 'stage' | 'archive',
  { fd }: FileHandle,
  from: number,
  slices: Slice[],
  pool: Pool,
): Promise<number> {
  let end = from;
  const replies: Promise<WorkerReply & { type: 'put' }>[] = [];
  for (const { id, octets } of slices) {
    replies.push(pool.ask({ type, id, fd, at: end }, 'put'));
    end += type === 'stage' ? octets.keys : octets.certificates;
  }
  for (const { failure } of await Promise.all(replies))
    if (failure !== undefined) throw Object.assign(new Error(failure.message), { code: failure.code });
  return end;
}

const run = promisify(execFile);

/** Makes everything below `out` durable: the whole file system at once where `sync -f` exists, file by file elsewhere. */
async function syncTree(out: string, holdings: Holding[]): Promise<void> {
  try {
    await run('sync', ['-f', out]);
  } catch {
    for (const holding of holdings) {
      const directory = holderDirectory(out, holding);
      for (const name of Object.values(FILES)) await syncFile(join(directory, name)).catch(() => {});
      await syncDirectory(directory).catch(() => {});
    }
  }
}
