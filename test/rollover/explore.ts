import { type Phase, successors } from '../../src/rollover/phase.ts';
import { actions, keyOf, type ModelOptions, type State, violation } from './model.ts';

export interface Exploration {
  states: number;
  steps: number;
  /** The shortest way to a state that breaks an invariant, and which one. */
  broken?: { invariant: string; way: string[] };
  /** The phases of states from which one cannot get back to the old root, or on to the end (I8). */
  stuck: string[];
}

/** Walks through every state that can be reached from one, breadth first. */
export function explore(from: State, given: ModelOptions = {}): Exploration {
  const options = { ...given, answers: new Map<string, string | undefined>() };
  const known = new Map<string, number>([[keyOf(from), 0]]);
  const states: State[] = [from];
  const came: { by: string; from: number }[] = [{ by: '', from: -1 }];
  const before: number[][] = [[]];
  let steps = 0;
  for (let at = 0; at < states.length; at++) {
    const state = states[at] as State;
    for (const { name, next } of actions(state, options)) {
      steps++;
      const key = keyOf(next);
      const there = known.get(key);
      if (there !== undefined) {
        (before[there] as number[]).push(at);
        continue;
      }
      const id = states.length;
      known.set(key, id);
      states.push(next);
      came.push({ by: name, from: at });
      before.push([at]);
      const invariant = violation(next) ?? skipped(state.phase, next.phase);
      if (invariant !== undefined)
        return { states: id + 1, steps, broken: { invariant, way: wayTo(id, came) }, stuck: [] };
    }
  }
  const [back, on] = (['stable', 'done'] as const).map((phase) => reaching(phase, states, before));
  const stuck = states.flatMap(({ phase }, i) => {
    const lost = [...(phase === 'done' || back?.has(i) ? [] : ['stable']), ...(on?.has(i) ? [] : ['done'])];
    return lost.map((end) => `${phase} does not reach ${end}`);
  });
  return { states: states.length, steps, stuck: [...new Set(stuck)] };
}

function skipped(from: Phase, to: Phase): string | undefined {
  return from === to || successors(from).includes(to) ? undefined : `I4: from ${from} to ${to}`;
}

function wayTo(id: number, came: readonly { by: string; from: number }[]): string[] {
  const way: string[] = [];
  for (let at = id; at > 0; at = came[at]?.from ?? 0) way.unshift(came[at]?.by ?? '');
  return way;
}

/** Every state from which one in that phase can be reached. */
function reaching(phase: Phase, states: readonly State[], before: readonly number[][]): Set<number> {
  const found = new Set<number>(states.flatMap((state, i) => (state.phase === phase ? [i] : [])));
  for (const at of found) for (const earlier of before[at] ?? []) found.add(earlier);
  return found;
}
