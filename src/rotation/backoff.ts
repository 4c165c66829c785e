/** The first pause after a failure is this part of a certificate's life. */
const PART = 0.02;
const SHORTEST = 1_000;
const LONGEST_FIRST = 5 * 60_000;
const LONGEST = 15 * 60_000;

interface Entry {
  failures: number;
  /** Of the first in a row. */
  since: number;
  until: number;
}

/**
 * Whom not to try yet. What fails is tried again later and later, in proportion to the life of its certificate, and sooner
 * again when its end comes near; and spread, so that those that failed together do not come back together.
 */
export class Backoff {
  readonly #entries = new Map<string, Entry>();
  readonly #random: () => number;

  /** @param random from 0 to 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  failed(key: string, of: { notBefore: number; notAfter: number }, now: number): void {
    const before = this.#entries.get(key);
    const failures = (before?.failures ?? 0) + 1;
    const first = Math.min(LONGEST_FIRST, Math.max(SHORTEST, (of.notAfter - of.notBefore) * PART));
    const most = Math.min(LONGEST, Math.max(first, (of.notAfter - now) / 4));
    const pause = Math.min(most, first * 2 ** Math.min(failures - 1, 20)) * (0.8 + 0.4 * this.#random());
    this.#entries.set(key, { failures, since: before?.since ?? now, until: now + pause });
  }

  succeeded(key: string): void {
    this.#entries.delete(key);
  }

  waits(key: string, now: number): boolean {
    return (this.#entries.get(key)?.until ?? 0) > now;
  }

  /** How often in a row it has failed, and since when; undefined when it has not. */
  of(key: string): { failures: number; since: number } | undefined {
    return this.#entries.get(key);
  }

  /** When the first of them may be tried again. */
  get next(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#entries.values()].map(({ until }) => until));
  }

  /** All may be tried now. */
  release(): void {
    for (const entry of this.#entries.values()) entry.until = 0;
  }
}
