import { expect, test } from '@jest/globals';
import { cli } from '../support/cli.ts';
import { expectRecovery } from './support/campaign.ts';
import { allOperations } from './support/operations.ts';
import { LONG, wasKilled } from './support/preload.ts';

// SIGKILL at random moments. `npm run fault:random`: FAULT_MOMENTS of each, 500 without it.
const MOMENTS = LONG ? Number(process.env.FAULT_MOMENTS ?? 500) : 2;
const LIMIT = LONG ? 7_200_000 : 120_000;
const operations = (await allOperations()).filter(([name]) => LONG || !/^rollover (?!.*issue-new)/.test(name));

/** How long a run takes that nothing befalls, in milliseconds; each that ends by itself tells it anew. */
class Lasting {
  #last: number[] = LONG ? [] : [400];

  note(milliseconds: number): void {
    this.#last = [...this.#last.slice(-3), milliseconds];
  }

  get milliseconds(): number {
    return this.#last.reduce((sum, one) => sum + one, 0) / this.#last.length;
  }
}

test.each(operations)(
  'killed at random moments: %s',
  async (name, make) => {
    const operation = await make();
    const { env, out } = operation.target;
    const lasting = new Lasting();
    let [killed, tried, early] = [0, 0, 0];
    for (let i = 0; tried < MOMENTS; i++) {
      const ledger = operation.begin();
      // One in twenty is left alone: other work on the machine makes all of them slower, or ceases.
      const moment = LONG && i % 20 === 0 ? undefined : Math.random() * lasting.milliseconds * 1.05;
      const begun = performance.now();
      const result = await cli(operation.args, {
        cwd: out,
        env,
        onSpawn: (child) => {
          const timer = moment === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), moment);
          child.on('close', () => clearTimeout(timer));
        },
      });
      if (wasKilled(result)) killed++;
      else lasting.note(performance.now() - begun);
      if (moment === undefined) continue;
      tried++;
      // Before its first storage call there is nothing to recover from: that is looked at once.
      if (operation.unchanged() && early++ > 0) continue;
      await expectRecovery(operation, ledger, result);
    }
    if (LONG)
      process.stderr.write(
        `${name}: ${tried} random moments, killed at ${killed}, before the first storage call at ${early}\n`,
      );
    expect(tried).toBe(MOMENTS);
  },
  LIMIT,
);
