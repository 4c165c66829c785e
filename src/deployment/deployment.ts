import type { Inventory } from '../inventory/read.ts';
import type { Independent } from './after-failure.ts';
import type { Unit } from './unit.ts';

/** What is to be deployed, and how. */
export interface Deployment {
  inventory: Inventory;
  /** What is deployed to, and every unit of the inventory: the peers. */
  units: readonly Unit[];
  all: readonly Unit[];
  /** The `--out` directory that has the keys. */
  from: string;
  /** Nodes at the same time. */
  atOnce: number;
  cycle: boolean;
  /** Only the CRL is pushed. */
  onlyCrl?: boolean;
  /** No order matters among the nodes in what they are given: one that fails does not keep the others from it. */
  independent?: Independent;
  /** Told after each wave which nodes it was. */
  onWave?: (nodes: readonly string[]) => void;
  /** What it gives was issued just now. */
  fresh?: boolean;
  /** What is revoked fails where it was asked for by name; else it is left out. */
  named?: boolean;
}
