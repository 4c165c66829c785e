import { env } from 'node:process';
import { describe, expect, test } from '@jest/globals';
import type { GuardName } from '../../src/rollover/planning/blocker.ts';
import { explore } from './explore.ts';
import { initial, type ModelOptions, without } from './model.ts';

// docs/design.md "Rollover": the invariants I1 to I8, in every state that a small cluster can reach. Larger ones take
// minutes: ROLLOVER_MODEL=full.

type Size = [nodes: number, clients: number, options: ModelOptions, states: number];
const SMALL: Size[] = [
  [2, 0, { skew: true }, 2000],
  [2, 1, {}, 30_000],
  [2, 0, { open: true }, 2000],
  [3, 0, { skew: true }, 13_000],
  [4, 0, {}, 30_000],
];
const LARGE: Size[] = [
  [5, 0, {}, 100_000],
  [3, 1, {}, 150_000],
  [1, 2, {}, 50_000],
  [2, 1, { skew: true }, 40_000],
  [4, 0, { skew: true }, 50_000],
  [3, 0, { open: true, skew: true }, 30_000],
];
const SIZES = env.ROLLOVER_MODEL === 'full' ? [...SMALL, ...LARGE] : SMALL;

describe('every interleaving of a rollover', () => {
  test.each(SIZES)('%i nodes and %i clients, %o: no invariant is ever broken', (nodes, clients, options, states) => {
    const found = explore(initial(nodes, clients), options);
    expect(found.broken).toBeUndefined();
    // I8: the old root from everywhere but done, done from everywhere.
    expect(found.stuck).toEqual([]);
    expect(found.states).toBeGreaterThan(states);
  });

  test.each<[GuardName, string]>([
    ['G2', 'I1'],
    ['G3', 'I1|I3'],
    ['G4', 'I5'],
    ['G5', 'I1|I3|I5'],
    ['GR', 'I1'],
  ])('without %s, one is: %s', (name, invariant) => {
    const { broken } = explore(initial(2, 0), { guards: without(name) });
    expect(broken?.invariant).toMatch(new RegExp(`^(${invariant}):`));
  });

  test('without G1, nothing of the cluster is broken: it is there for the keys', () => {
    expect(explore(initial(2, 0), { guards: without('G1') }).broken).toBeUndefined();
  });

  test('one that comes back with the files of long ago, and serves before it has what is wanted now', () => {
    expect(explore(initial(2, 0), { without: 'sync' }).broken).toBeDefined();
  });

  test('a refusal without its positive control, by one whose clock is wrong', () => {
    expect(explore(initial(2, 0), { skew: true, without: 'control' }).broken?.invariant).toMatch(/^I5:/);
  });

  test('one that checks is taken for one that lets in whoever comes: the inventory is believed, and nobody looks', () => {
    expect(explore(initial(2, 0), { without: 'stranger' }).broken?.invariant).toMatch(/^I[15]:/);
  });

  test("an operator's word of a time when another trust was wanted", () => {
    expect(explore(initial(1, 1), { without: 'forgetting' }).broken).toBeDefined();
  });
});
