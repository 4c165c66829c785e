const FIRST = 500;
const SHORTEST_CAP = 1_000;
const LONGEST_CAP = 60_000;
/** No pause is longer than this part of a certificate's life. */
const PART = 0.05;

/**
 * Pauses between attempts to reach the daemon: exponential, capped, and drawn at random from zero on, so that a thousand
 * agents do not come back together when it does.
 */
export class Retry {
  readonly #random: () => number;
  #failures = 0;

  /** @param random from 0 to 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** How often in a row it has failed. */
  get failures(): number {
    return this.#failures;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** @param life of the shortest certificate, milliseconds @returns milliseconds to wait */
  failed(life: number): number {
    const cap = Math.min(LONGEST_CAP, Math.max(SHORTEST_CAP, life * PART));
    const pause = Math.min(cap, FIRST * 2 ** Math.min(this.#failures++, 20));
    return pause * (0.2 + 0.8 * this.#random());
  }
}
