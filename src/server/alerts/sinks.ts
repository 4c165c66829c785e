import { Dispatcher, inventorySinks } from '../../alerts/sinks/index.ts';
import type { Context } from '../../context.ts';
import type { Journal } from '../../ui/journal.ts';
import type { InventoryFile } from '../inventory-file.ts';
import type { Metrics } from '../metrics.ts';

/** What a sink is given to be told at the end, milliseconds. */
const GRACE = 5_000;

interface Surroundings {
  ctx: Context;
  inventory: InventoryFile;
  journal: Journal;
  metrics: Metrics;
}

/** Who is told of alerts, as the inventory says: made anew when its file has changed. */
export class AlertSinks {
  readonly #surroundings: Surroundings;
  #made: { stamp: string; dispatcher: Dispatcher } | undefined;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** @param cluster the keystore's @throws ERR_CONFIG with line and column, ERR_KEYSTORE_PERMISSIONS for a secret that others can read */
  current(cluster: string): Dispatcher | undefined {
    const { inventory } = this.#surroundings;
    const { stamp } = inventory;
    if (this.#made?.stamp === stamp) return this.#made.dispatcher;
    const read = inventory.get();
    if (read === undefined) return undefined;
    const { ctx, journal, metrics } = this.#surroundings;
    const dispatcher = new Dispatcher(inventorySinks(read, { env: ctx.env, now: ctx.now }), {
      cluster,
      now: ctx.now,
      failed: (sink, error, transitions) => {
        metrics.failed.inc({ what: 'alert-sink' });
        journal.say('alert-not-told', { sink, alerts: transitions, error: error.message });
      },
      delivered: (sink, transitions) => journal.say('alert-told', { sink, alerts: transitions }),
    });
    // What waits for the sinks of before is told by them.
    void this.#made?.dispatcher.stop(GRACE);
    this.#made = { stamp, dispatcher };
    return dispatcher;
  }

  async stop(): Promise<void> {
    await this.#made?.dispatcher.stop(GRACE);
  }
}
