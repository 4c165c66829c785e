import { sha256Hex } from '../../../src/crypto/hash.ts';
import { ClusterCaError } from '../../../src/errors.ts';
import { layout } from '../../../src/keystore/directory/layout.ts';
import type { AppendOutcome, BlobFamily, Store } from '../../../src/keystore/store.ts';

/** A store in memory: what a key-value backend would be, and what tests look into and damage. */
export class MemoryStore implements Store {
  readonly location = 'memory';
  /** By the path that a directory would have. */
  readonly files: Map<string, Uint8Array>;
  readonly #turns: (() => void)[] = [];
  #taken = false;

  /** @param files copied, unless they are a map of a kind of its own */
  constructor(files: Iterable<[string, Uint8Array]> = []) {
    this.files = files instanceof Map && files.constructor !== Map ? files : new Map(files);
  }

  async readIdentity(): Promise<Uint8Array | undefined> {
    return this.files.get('KEYSTORE');
  }

  async readRecord(seq: number): Promise<Uint8Array | undefined> {
    return this.files.get(layout.record('', seq));
  }

  async lastRecord(): Promise<number | undefined> {
    const numbers = [...this.files.keys()].flatMap((path) => /^\/?log\/\d+\/(\d+)$/.exec(path)?.[1] ?? []);
    return numbers.length === 0 ? undefined : Math.max(...numbers.map(Number));
  }

  async append(seq: number, bytes: Uint8Array): Promise<AppendOutcome> {
    const path = layout.record('', seq);
    const there = this.files.get(path);
    if (there !== undefined) return Buffer.compare(there, bytes) === 0 ? 'appended' : 'lost';
    this.files.set(path, bytes);
    return 'appended';
  }

  async makeDurable(): Promise<void> {}

  async putObject(sha256: string, bytes: Uint8Array): Promise<void> {
    this.files.set(`objects/${sha256}`, bytes);
  }

  async getObject(sha256: string): Promise<Uint8Array | undefined> {
    return this.files.get(`objects/${sha256}`);
  }

  async deleteObject(sha256: string): Promise<void> {
    this.files.delete(`objects/${sha256}`);
  }

  async readBlob(family: BlobFamily, name: string): Promise<Uint8Array | undefined> {
    return this.files.get(`${family}/${name}`);
  }

  async createBlob(family: BlobFamily, name: string, bytes: Uint8Array): Promise<void> {
    const there = this.files.get(`${family}/${name}`);
    if (there !== undefined && Buffer.compare(there, bytes) !== 0)
      throw new ClusterCaError('ERR_EXISTS', `${family}/${name} is there with other content`);
    this.files.set(`${family}/${name}`, bytes);
  }

  async replaceBlob(
    family: BlobFamily,
    name: string,
    expected: string | undefined,
    bytes: Uint8Array,
  ): Promise<boolean> {
    const there = this.files.get(`${family}/${name}`);
    if ((there === undefined ? undefined : sha256Hex(there)) !== expected) return false;
    this.files.set(`${family}/${name}`, bytes);
    return true;
  }

  async listBlobs(family: BlobFamily): Promise<string[]> {
    const prefix = `${family}/`;
    return [...this.files.keys()]
      .flatMap((path) => (path.startsWith(prefix) ? [path.slice(prefix.length)] : []))
      .sort();
  }

  async deleteBlob(family: BlobFamily, name: string): Promise<void> {
    this.files.delete(`${family}/${name}`);
  }

  async takeTurn(wait: number): Promise<() => Promise<void>> {
    if (this.#taken)
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          this.#turns.splice(this.#turns.indexOf(go), 1);
          reject(new ClusterCaError('ERR_KEYSTORE_BUSY', 'somebody else has the turn'));
        }, wait);
        const go = (): void => {
          clearTimeout(timer);
          resolve();
        };
        this.#turns.push(go);
      });
    this.#taken = true;
    return async () => {
      const next = this.#turns.shift();
      if (next === undefined) this.#taken = false;
      else next();
    };
  }

  #serving = 0;

  async announceServing(): Promise<() => Promise<void>> {
    this.#serving++;
    return async () => {
      this.#serving--;
    };
  }

  async isServing(): Promise<boolean> {
    return this.#serving > 0;
  }

  async checkPermissions(): Promise<void> {}

  async checkWritable(): Promise<void> {}

  async holdRoom(): Promise<void> {}

  async releaseRoom(): Promise<boolean> {
    return false;
  }
}
