/** How often it is looked whether anything is to be done, milliseconds: a certificate may live for seconds only. */
const LOOK = 1_000;

/** Looks again and again, a second after the last look has ended. */
export class Loop {
  readonly #look: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  /** @param look throws nothing */
  constructor(look: () => Promise<void>) {
    this.#look = look;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#look().finally(() => this.start());
    }, LOOK);
  }

  /** No further look; the one in work is waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }
}
