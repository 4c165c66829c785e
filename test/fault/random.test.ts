import { expect, test } from '@jest/globals';
import { cli } from '../support/cli.ts';
import { expectRecovery } from './support/campaign.ts';
import { allOperations } from './support/operations.ts';
import { LONG, wasKilled } from './support/preload.ts';

// SIGKILL at random moments. `npm run fault:random`: FAULT_MOMENTS of each, 500 without it.
const MOMENTS = LONG ? Number(process.env.FAULT_MOMENTS ?? 500) : 2;
const LIMIT = LONG ? 7_200_000 : 120_000;
const operations = (await allOperations()).filter(([name]) => LONG || !/^rollover (?!.*issue-new)/.test(name));

test.each(operations)(
  'killed at random moments: %s',
  async (name, make) => {
    const operation = await make();
    let killed = 0;
    // What a run takes that nothing befalls; each run that ends by itself tells it anew.
    let [lasts, tried] = [400, 0];
    for (; tried < MOMENTS; tried++) {
      const ledger = operation.begin();
      const { env, out } = operation.target;
      const begun = performance.now();
      const result = await cli(operation.args, {
        cwd: out,
        env,
        onSpawn: (child) => {
          const timer = setTimeout(() => child.kill('SIGKILL'), Math.random() * lasts * 1.05);
          child.on('close', () => clearTimeout(timer));
        },
      });
      if (wasKilled(result)) killed++;
      else lasts = (lasts + performance.now() - begun) / 2;
      await expectRecovery(operation, ledger, result);
    }
    if (LONG) process.stderr.write(`${name}: ${tried} random moments, killed at ${killed}\n`);
    expect(tried).toBe(MOMENTS);
  },
  LIMIT,
);
