import { expect } from '@jest/globals';
import { expectSafe } from '../cli/checks.ts';
import { CLUSTER_CA, type RunResult, run } from '../support/cli.ts';
import { warmly } from '../support/warm.ts';

// Cases of others' suites, each a run of the built command line. A hang counts as wrong: no run has more than a second of
// processor time, whatever else the machine is doing meanwhile.

/** One in the warm process, and one in a process of its own. */
const AT_ONCE = 2;
/** Milliseconds. */
const HANGS = 30_000;

/** Where the process is warm: a second, too, after which the run counts as ended by the kernel. */
async function measured(args: string[], cwd: string): Promise<RunResult> {
  const result = await warmly(args, { cwd, timeout: HANGS });
  if (result === undefined) return limited(args, cwd);
  const { processorTime = Number.POSITIVE_INFINITY } = result;
  return processorTime > 1 ? { ...result, code: null, signal: 'SIGXCPU' } : result;
}

/** Runs the tool in a process of its own with at most a second of processor time. */
export function limited(args: string[], cwd: string): Promise<RunResult> {
  const words = ['-c', 'ulimit -t 1 && exec "$@"', 'sh', process.execPath, CLUSTER_CA, ...args];
  return run('sh', words, { cwd, timeout: HANGS });
}

/** Runs every case, some at a time. @returns the results by the cases' names */
export async function runAll(
  cases: readonly (readonly [name: string, words: string[]])[],
  cwd: string,
): Promise<ReadonlyMap<string, RunResult>> {
  const results = new Map<string, RunResult>();
  const waiting = [...cases];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      results.set(next[0], await measured(next[1], cwd));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

/** A verdict, told in full: the exit code says the same as the document, and nothing crashed or hung. */
// biome-ignore lint/suspicious/noExplicitAny: each test looks at its own part of the document
export function expectVerdict(result: RunResult | undefined, valid: boolean): any {
  expect([result?.signal, result?.code]).toEqual([null, valid ? 0 : 5]);
  const { stdout = '', stderr = '' } = result ?? {};
  expectSafe(stdout);
  expectSafe(stderr);
  expect(stderr).not.toMatch(/^\s+at /m);
  const document = JSON.parse(stdout);
  expect(document.valid).toBe(valid);
  expect(document.failures.length > 0).toBe(!valid);
  if (valid) expect(stderr).toBe('');
  else
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'ERR_PATH', details: { code: document.failures[0].code } },
    });
  return document;
}
