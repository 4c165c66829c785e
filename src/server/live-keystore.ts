import { type Context, openKeystore } from '../context.ts';
import type { Keystore } from '../keystore/keystore.ts';

/** Records that the snapshot does not have, from which on it is worth reading the newest snapshot. */
const LONG_TAIL = 256;

/**
 * The keystore as requests see it: read on before each of them, so that what the command line writes beside the daemon
 * (a revocation above all) counts at once. Apart from the writer's own, which must not move under a writer.
 */
export class LiveKeystore {
  readonly #ctx: Context;
  #keystore: Keystore;
  #running: Promise<Keystore> | undefined;
  #next: Promise<Keystore> | undefined;
  /** Told of what was read, each time. */
  onRead: ((keystore: Keystore) => void) | undefined;

  private constructor(ctx: Context, keystore: Keystore) {
    this.#ctx = ctx;
    this.#keystore = keystore;
  }

  static async open(ctx: Context): Promise<LiveKeystore> {
    return new LiveKeystore(ctx, await openKeystore(ctx));
  }

  /** As it was when last read: for what need not be newer. */
  get latest(): Keystore {
    return this.#keystore;
  }

  /** As it is now. Those that ask while it is being read share one reading, which begins after they asked. */
  current(): Promise<Keystore> {
    if (this.#running === undefined) {
      this.#running = this.#read().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    const running = this.#running;
    this.#next ??= running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.current();
      });
    return this.#next;
  }

  async #read(): Promise<Keystore> {
    if (this.#keystore.tail.records > LONG_TAIL) this.#keystore = await openKeystore(this.#ctx);
    else await this.#keystore.refresh();
    this.onRead?.(this.#keystore);
    return this.#keystore;
  }
}
