import { expect } from '@jest/globals';
import { faulty, type Target, textOf, traceOf, wasKilled } from '../fault/support/preload.ts';
import type { Warm } from '../fault/support/warm.ts';
import type { Deployed } from './deployed.ts';

/** A storage call of a run: its number, and its name and path. */
export interface Moment {
  call: number;
  text: string;
}

/** By these files become durable and visible; by the others what is over goes. */
const STEPS = /^(fsync|link|rename|symlink|mkdir|unlink) /;

/** Runs that are killed just before one of their steps, on one node. */
export class Kills {
  readonly #node: Deployed;
  readonly #warm: Warm;
  readonly #most: number;

  /** @param most how many steps of each run are chosen, evenly */
  constructor(node: Deployed, warm: Warm, most: number) {
    this.#node = node;
    this.#warm = warm;
    this.#most = most;
  }

  /** The chosen steps of an undisturbed run. @param exits the code that it ends with */
  async moments(args: string[], exits = 0): Promise<Moment[]> {
    const { home, env } = this.#node;
    const { calls } = await traceOf(this.#target, args, (faults) => this.#warm.here(args, { cwd: home, env }, faults), [
      exits,
    ]);
    const steps = calls.map((call, i) => ({ call: i + 1, text: textOf(call) })).filter(({ text }) => STEPS.test(text));
    const most = Math.min(this.#most, steps.length);
    expect(most).toBeGreaterThan(3);
    return Array.from({ length: most }, (_, i) => steps[Math.floor(((i + 0.5) * steps.length) / most)] as Moment);
  }

  /** Runs, and kills before a step. @returns whether it came to that */
  async at({ call }: Moment, args: string[]): Promise<boolean> {
    return wasKilled(await faulty(this.#target, { call, fault: 'kill' }, args));
  }

  get #target(): Target {
    const { home, env } = this.#node;
    return { directory: home, env, out: home };
  }
}
