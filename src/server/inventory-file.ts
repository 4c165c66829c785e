import { statSync } from 'node:fs';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { type Inventory, readInventory } from '../inventory/read.ts';

/** cluster.yaml, read again when it has changed: a node that is added is known without a restart. */
export class InventoryFile {
  readonly path: string | undefined;
  #read: { stamp: string; inventory: Inventory } | undefined;

  constructor(path: string | undefined) {
    this.path = path;
  }

  /** Changes when the file does. @throws ERR_CONFIG */
  get stamp(): string {
    return this.path === undefined ? '' : stampOf(this.path);
  }

  /** Undefined where the daemon was given none. @throws ERR_CONFIG for one that is not understood, with line and column */
  get(): Inventory | undefined {
    if (this.path === undefined) return undefined;
    const stamp = stampOf(this.path);
    if (this.#read?.stamp !== stamp) this.#read = { stamp, inventory: readInventory(this.path) };
    return this.#read.inventory;
  }

  /** The same for who only looks: one that is not understood is told of by what needs it. */
  get readable(): Inventory | undefined {
    try {
      return this.get();
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      return undefined;
    }
  }
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, ctimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
  } catch (cause) {
    throw new ClusterCaError('ERR_CONFIG', `the inventory ${path} cannot be read`, { cause });
  }
}
