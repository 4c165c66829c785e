/** The longest that a timer of Node can wait. */
const LONGEST = 2 ** 31 - 1;

/** Work at a time that may be moved. The clock is looked at again when a long wait ends: it may have been set. */
export class Timer {
  readonly #work: () => Promise<void>;
  readonly #failed: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(work: () => Promise<void>, failed: (error: unknown) => void) {
    this.#work = work;
    this.#failed = failed;
  }

  /** Does the work at this time, in milliseconds since 1970, instead of when it was to be done. */
  at(time: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const wait = Math.max(0, time - Date.now());
    this.#timer = setTimeout(() => (wait > LONGEST ? this.at(time) : this.#run()), Math.min(wait, LONGEST));
  }

  /** No more; what is in work is waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #run(): void {
    this.#running = this.#work().catch(this.#failed);
  }
}
