/** How long one that restarts servers for what it was handed is waited for, milliseconds, before the next has its turn. */
const TURN = 120_000;

/**
 * Whose servers are restarted for a new state: one node has its turn at a time, until it tells that it has brought it
 * about, or its time is over: else a rollover would take all members of a cluster away at once.
 */
export class RestartTurns {
  readonly #now: () => number;
  #turn: { node: string; version: string; until: number } | undefined;
  readonly #queue = new Set<string>();

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Gives a node its turn, or has it wait for it.
   * @param version of the state that it is handed
   * @returns whether it has it
   */
  take(node: string, version: string): boolean {
    const turn = this.#turn;
    if (turn !== undefined && turn.node !== node && this.#now() < turn.until) {
      this.#queue.add(node);
      return false;
    }
    this.#queue.delete(node);
    if (turn?.node !== node || turn.version !== version) this.#turn = { node, version, until: this.#now() + TURN };
    return true;
  }

  /** True for a node that was refused its turn, and has not had it since. */
  isWaiting(node: string): boolean {
    return this.#queue.has(node);
  }

  /** It waits no longer: it is silent, or was handed what it waited for without a turn. */
  leave(node: string): void {
    this.#queue.delete(node);
  }

  /**
   * Ends the turn of a node that has brought a state about.
   * @param isThere whether a node can be asked now: one that cannot comes by itself, and keeps nobody behind it waiting
   * @returns the next that waits and is there, which is to be asked to take it; undefined when none is, or it was not
   *   its turn
   */
  end(node: string, version: string, isThere: (node: string) => boolean): string | undefined {
    if (this.#turn?.node !== node || this.#turn.version !== version) return undefined;
    this.#turn = undefined;
    for (const next of this.#queue) if (isThere(next)) return next;
    return undefined;
  }
}
