import { setTimeout as sleep } from 'node:timers/promises';
import { isClusterCaError } from '../../errors.ts';
import { phaseOf } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { Phase } from '../phase.ts';

/** How often in a row a run starts over because somebody else is at work. */
const MOST = 10;

/** Other operators who take the same rollover on: what they have done meanwhile is no reason to fail. */
export class Others {
  readonly #keystore: Keystore;
  #times = 0;

  constructor(keystore: Keystore) {
    this.#keystore = keystore;
  }

  /** We have got on ourselves. */
  forget(): void {
    this.#times = 0;
  }

  /** Whether a step failed because somebody else had moved the rollover on from this phase. */
  async moved(error: unknown, from: Phase): Promise<boolean> {
    if (!isClusterCaError(error) || error.code !== 'ERR_STATE') return false;
    await this.#keystore.refresh();
    return phaseOf(this.#keystore.state) !== from && this.#times++ < MOST;
  }

  /** Whether somebody else writes to the log while we wait. @param pause milliseconds */
  async atWork(pause: number): Promise<boolean> {
    const { seq } = this.#keystore.state;
    await sleep(pause);
    await this.#keystore.refresh();
    return this.#keystore.state.seq !== seq && this.#times++ < MOST;
  }
}
