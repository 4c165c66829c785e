import { expect, test } from '@jest/globals';
import type { Material } from '../../src/deployment/material.ts';
import { checkClockOf } from '../../src/deployment/preflight.ts';
import type { Unit } from '../../src/deployment/unit.ts';
import type { Ended, RunOptions } from '../../src/hosts/host.ts';
import { LocalHost } from '../../src/hosts/local-host.ts';

/** This host, with another clock: its `date` is asked for another time. */
class OtherClock extends LocalHost {
  readonly #shift: string;

  constructor(shift: string) {
    super();
    this.#shift = shift;
  }

  override run(argv: readonly string[], options: RunOptions): Promise<Ended> {
    return super.run(argv[0] === 'date' ? ['date', '-d', this.#shift, ...argv.slice(1)] : argv, options);
  }
}

const HOUR = 3_600_000;
const unit = { ssh: 'deploy@redis-1' } as Unit;
const fresh = { certificate: { notBefore: Date.now() - HOUR / 2, notAfter: Date.now() + 90 * 24 * HOUR } } as Material;

test.each([
  ['1 hour ago', /says .*, which is 60 minutes behind$/],
  ['1 hour', /says .*, which is 60 minutes ahead$/],
  ['100 days', /minutes ahead$/],
])('the clock of a node that is off by %s stops what is placed there', async (shift, message) => {
  const [problem, ...more] = await checkClockOf(new OtherClock(shift), unit, fresh, () => new Date());
  expect(problem?.message).toMatch(message);
  expect(problem?.hint).toMatch(/set it right/);
  expect(more).toEqual([]);
});

test('a clock that agrees is no problem, and this host has ours', async () => {
  expect(await checkClockOf(new LocalHost(), unit, fresh, () => new Date())).toEqual([]);
  expect(
    await checkClockOf(new OtherClock('1 hour ago'), { ...unit, ssh: undefined }, fresh, () => new Date()),
  ).toEqual([]);
});
