import { expect } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import type { RunResult } from '../support/cli.ts';

/** Runs `cluster-ca rollover VERB …`, as JSON. */
export type RunsRollover = (verb: string, ...args: string[]) => Promise<RunResult>;

/** A step that succeeds and comes to a phase. */
export async function reaches(run: RunsRollover, phase: string, verb: string, ...args: string[]) {
  const result = await run(verb, ...args);
  expect([verb, result.code, result.code === 0 ? '' : result.stderr]).toEqual([verb, 0, '']);
  const document: RolloverBoard = result.json();
  expect([verb, document.phase]).toEqual([verb, phase]);
  return document;
}

/** The same, and nobody blocks the next. */
export async function reachesFreely(run: RunsRollover, phase: string, verb: string, ...args: string[]) {
  const document = await reaches(run, phase, verb, ...args);
  expect([verb, document.blocking]).toEqual([verb, []]);
  return document;
}

type Fact = 'role' | 'trustsOld' | 'trustsNew' | 'serves' | 'provenBy';

/** What is known of the services of nodes: each combination of facts once. */
export const factsOf = ({ services }: RolloverBoard, ...facts: Fact[]): string[] => [
  ...new Set(
    services.filter(({ kind }) => kind === 'node').map((service) => facts.map((fact) => service[fact]).join(' ')),
  ),
];

/** A rollover from its start to its end, each phase with what is known of every service then. */
export async function expectWhole(
  run: RunsRollover,
  known: (board: RolloverBoard) => string[],
  phases: readonly (readonly [phase: string, facts: string])[],
): Promise<void> {
  await reachesFreely(run, 'prepared', 'start');
  for (const [phase, facts] of phases)
    expect([phase, known(await reachesFreely(run, phase, 'advance'))]).toEqual([phase, [facts]]);
  await reachesFreely(run, 'done', 'advance');
}
