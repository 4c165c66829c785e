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

  /**
   * Ends the turn of a node that has brought a state about.
   * @returns the next that waits, which is to be asked to take it; undefined when nobody does, or it was not its turn
   */
  end(node: string, version: string): string | undefined {
    if (this.#turn?.node !== node || this.#turn.version !== version) return undefined;
    this.#turn = undefined;
    return this.#queue.values().next().value;
  }
}
