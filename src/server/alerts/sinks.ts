import { statSync } from 'node:fs';
import type { Alert } from '../../alerts/alert.ts';
import { inventoryAlert } from '../../alerts/inventory.ts';
import { Dispatcher, inventorySinks } from '../../alerts/sinks/index.ts';
import type { Context } from '../../context.ts';
import { type ClusterCaError, isClusterCaError } from '../../errors.ts';
import type { Inventory } from '../../inventory/read.ts';
import type { Journal } from '../../ui/journal.ts';
import type { InventoryFile } from '../inventory-file.ts';
import type { Metrics } from '../metrics.ts';

/** What a sink is given to be told at the end, milliseconds. */
const GRACE = 5_000;
/** What those of before are given, when others take their place: as long as any attempt lasts. */
const LEAVING = 15 * 60_000;

interface Surroundings {
  ctx: Context;
  inventory: InventoryFile;
  journal: Journal;
  metrics: Metrics;
}

/**
 * Who is told of alerts, as the inventory says: made anew when that, or a file with a secret, has changed. While it is not
 * understood those of before are told, of that too.
 */
export class AlertSinks {
  readonly #surroundings: Surroundings;
  readonly #leaving = new Set<Dispatcher>();
  #made: { of: string; dispatcher: Dispatcher } | undefined;
  #stamp: string | undefined;
  #problem: { error: ClusterCaError; since: number } | undefined;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** For the start of a daemon. @throws ERR_CONFIG with line and column, ERR_KEYSTORE_PERMISSIONS for a secret that others can read */
  start(cluster: string): void {
    this.current(cluster);
    if (this.#problem !== undefined) throw this.#problem.error;
  }

  /** @param cluster the keystore's */
  current(cluster: string): Dispatcher | undefined {
    try {
      this.#look(cluster);
      this.#problem = undefined;
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      const since = this.#problem?.since ?? this.#surroundings.ctx.now().getTime();
      this.#problem = { error, since };
    }
    return this.#made?.dispatcher;
  }

  /** Why who is told is not as the inventory says. */
  get alerts(): Alert[] {
    const { inventory } = this.#surroundings;
    if (this.#problem === undefined || inventory.path === undefined) return [];
    return [inventoryAlert(inventory.path, this.#problem.error, this.#problem.since)];
  }

  async stop(): Promise<void> {
    const all = [...this.#leaving, ...(this.#made === undefined ? [] : [this.#made.dispatcher])];
    await Promise.all(all.map((dispatcher) => dispatcher.stop(GRACE)));
  }

  #look(cluster: string): void {
    const { inventory } = this.#surroundings;
    const { stamp } = inventory;
    if (this.#stamp === stamp) return;
    const read = inventory.get();
    if (read === undefined) return;
    const of = described(read);
    if (this.#made?.of !== of) {
      const dispatcher = this.#dispatcherOf(read, cluster);
      if (this.#made !== undefined) this.#leave(this.#made.dispatcher);
      this.#made = { of, dispatcher };
    }
    this.#stamp = stamp;
  }

  #dispatcherOf(read: Inventory, cluster: string): Dispatcher {
    const { ctx, journal, metrics } = this.#surroundings;
    return new Dispatcher(inventorySinks(read, { env: ctx.env, now: ctx.now }), {
      cluster,
      now: ctx.now,
      failed: (sink, error, transitions) => {
        metrics.failed.inc({ what: 'alert-sink' });
        journal.say('alert-not-told', { sink, alerts: transitions, error: error.message });
      },
      delivered: (sink, transitions) => journal.say('alert-told', { sink, alerts: transitions }),
    });
  }

  /** What waits for the sinks of before is told by them. */
  #leave(dispatcher: Dispatcher): void {
    this.#leaving.add(dispatcher);
    void dispatcher.stop(LEAVING).finally(() => this.#leaving.delete(dispatcher));
  }
}

/** What the sinks are made of: what is said of them, and the files that they read. */
function described({ document: { alerts = {} } }: Inventory): string {
  const files = Object.values(alerts).flatMap((sink) =>
    Object.entries(sink).flatMap(([key, value]) =>
      typeof value === 'string' && (key.endsWith('File') || key === 'ca') ? [stampOf(value)] : [],
    ),
  );
  return JSON.stringify([alerts, files]);
}

function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? '' : `${found.mtimeMs} ${found.size} ${found.ino}`;
}
