import { randomBytes } from '../crypto/hash.ts';

const SHORTEST_CAP = 1_000;
/** No pause is longer than this part of a certificate's life. */
const PART = 0.05;

/**
 * Pauses between attempts: exponential, capped, and drawn at random, so that a thousand agents do not come back together
 * when the daemon does.
 */
export class Retry {
  readonly #first: number;
  readonly #cap: number;
  readonly #random: () => number;
  #failures = 0;
  #until = 0;

  /**
   * @param first the longest that the first pause can be, milliseconds
   * @param cap the longest that any can be
   * @param random from 0 to 1
   */
  constructor(first: number, cap: number, random: () => number) {
    this.#first = first;
    this.#cap = cap;
    this.#random = random;
  }

  /** How often in a row it has failed. */
  get failures(): number {
    return this.#failures;
  }

  /** When it may be tried again, milliseconds since 1970; undefined when it has not failed. */
  get next(): number | undefined {
    return this.#failures === 0 ? undefined : this.#until;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** @param life of the shortest certificate, milliseconds @returns milliseconds to wait */
  failed(life: number, now: number): number {
    const cap = Math.min(this.#cap, Math.max(SHORTEST_CAP, life * PART));
    const pause = Math.min(cap, this.#first * 2 ** Math.min(this.#failures++, 20)) * (0.2 + 0.8 * this.#random());
    this.#until = now + pause;
    return pause;
  }
}

/** From 0 to 1, of the system's generator. */
export function random(): number {
  return (randomBytes(1)[0] as number) / 255;
}
