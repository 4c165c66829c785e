import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nextStep } from '../../src/rollover/planning/planner.ts';
import {
  type Action,
  decisions,
  initial,
  type ModelOptions,
  movesOf,
  records,
  type State,
  situationOf,
  violation,
} from './model.ts';

const RUNS = 10_000;
const STEPS = 100;

/** Larger clusters than can be explored, walked through at random. */
describe('random rollovers', () => {
  test(`${RUNS} of ${STEPS} steps: no invariant is ever broken`, () => {
    const options: ModelOptions = { skew: true, open: true };
    const phases = new Set<string>();
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 6 }),
        fc.integer({ min: 0, max: 2 }),
        fc.array(fc.nat({ max: 0xff_ffff }), { minLength: STEPS, maxLength: STEPS }),
        (nodes, clients, choices) => {
          let state = initial(nodes, clients);
          for (const chosen of choices) {
            const action = choose(state, chosen, options);
            if (action === undefined) continue;
            state = action.next;
            phases.add(state.phase);
            const broken = violation(state);
            if (broken !== undefined) throw new Error(`${broken} after ${action.name}`);
          }
          resumes(state);
        },
      ),
      { numRuns: RUNS },
    );
    expect(phases.size).toBe(7);
  });
});

/** One of the things that may happen: operators decide and record, and members take their files more often than they fail. */
function choose(state: State, chosen: number, options: ModelOptions): Action | undefined {
  const rest = chosen >> 4;
  switch (chosen & 15) {
    case 0:
      return decisions(state, 'forward', options)[0];
    case 1:
      return rest % 8 === 0 ? decisions(state, 'back', options)[0] : undefined;
    case 2:
    case 3: {
      const possible = records(state, options);
      return possible[rest % Math.max(1, possible.length)];
    }
    default: {
      const possible = movesOf(state, rest % state.members.length, options);
      const leading = possible.filter(({ name }) => /takes|comes|clock set|confirmed|joins|begins/.test(name));
      const among = (chosen & 12) !== 12 && leading.length > 0 ? leading : possible;
      return among[(rest >> 4) % among.length];
    }
  }
}

/** I7: what is to be done next depends on nothing but what the log and the cluster say, so a crash changes nothing. */
function resumes(state: State): void {
  const told = situationOf(state);
  const again: typeof told = JSON.parse(JSON.stringify(told));
  for (const direction of ['forward', 'back'] as const)
    if (JSON.stringify(nextStep(again, { direction })) !== JSON.stringify(nextStep(told, { direction })))
      throw new Error(`I7: ${direction} from ${state.phase}`);
}
