import { expect } from '@jest/globals';
import type { RunOptions, RunResult } from '../support/cli.ts';

/** cli.md "Exit codes": written again here, because scripts match on both. */
const CODES: Record<string, number> = {
  ERR_USAGE: 2,
  ERR_CONFIG: 2,
  ERR_INPUT_REQUIRED: 2,
  ERR_PARTIAL: 3,
  ERR_ATTENTION: 4,
  ERR_POLICY: 5,
  ERR_LINT: 5,
  ERR_PATH: 5,
  ERR_NOT_FOUND: 6,
  ERR_EXISTS: 6,
  ERR_STATE: 6,
  ERR_CLOCK: 6,
  ERR_REMOTE: 7,
  ERR_TIMEOUT: 7,
  ERR_KEYSTORE_ABSENT: 10,
  ERR_KEYSTORE_BUSY: 11,
  ERR_PASSPHRASE: 12,
  ERR_KEYSTORE_TAMPERED: 13,
  ERR_KEYSTORE_ROLLED_BACK: 13,
  ERR_KEYSTORE_PERMISSIONS: 13,
  ERR_STORAGE: 14,
  ERR_OUTCOME_UNKNOWN: 75,
  ERR_CANCELLED: 130,
};

export interface ErrorObject {
  code: string;
  message: string;
  hint?: string;
  details?: Record<string, unknown>;
}

/** A run with `--json` or without: what `Cluster.ca` and `cli` have in common. */
export type Runner = (args: string[], options?: RunOptions) => Promise<RunResult>;

/** An exit code, or the error code that implies it. */
export type Expected = number | keyof typeof CODES;

// C0 but the line feed, DEL, C1, and what turns the direction of writing.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** Nothing that a terminal obeys. */
export function expectSafe(text: string): void {
  const found = UNSAFE.exec(text);
  if (found)
    throw new Error(
      `U+${found[0].charCodeAt(0).toString(16).padStart(4, '0')} in the output: ` +
        JSON.stringify(text.slice(Math.max(0, found.index - 60), found.index + 20)),
    );
}

/** The exit code, with what the run said when it is another. */
export function expectExit(result: RunResult, code: number): void {
  if (result.code !== code)
    throw new Error(
      `expected exit ${code}, got ${result.code ?? result.signal}\nstdout: ${result.stdout}\nstderr: ${result.stderr}`,
    );
}

/** "Fields without meaning are absent": no null anywhere. */
function expectNoNull(value: unknown, path = '$'): void {
  if (value === null) throw new Error(`${path} is null`);
  if (typeof value === 'object')
    for (const [key, child] of Object.entries(value as object)) expectNoNull(child, `${path}.${key}`);
}

/** Rule 2, the document on stdout: one, versioned, safe, without nulls. */
export function document<T>(result: RunResult): T & { schemaVersion: 1; warnings?: string[] } {
  expectSafe(result.stdout);
  const parsed = result.json();
  expect(parsed.schemaVersion).toBe(1);
  if ('warnings' in parsed) expect(Array.isArray(parsed.warnings)).toBe(true);
  expectNoNull(parsed);
  return parsed;
}

/** Runs with `--json`, expects success and nothing on stderr. */
export async function done<T>(run: Runner, args: string[], options?: RunOptions) {
  const result = await run([...args, '--json'], options);
  expectExit(result, 0);
  expect(result.stderr).toBe('');
  return document<T>(result);
}

/** Rule 2, the error object on stderr: that and nothing else. */
export function errorObject(result: RunResult, expected: Expected): ErrorObject {
  const exit = typeof expected === 'number' ? expected : (CODES[expected] ?? Number.NaN);
  expectExit(result, exit);
  expectSafe(result.stderr);
  let parsed: { error: ErrorObject };
  try {
    parsed = result.error();
  } catch {
    throw new Error(`stderr is not one JSON document: ${result.stderr}`);
  }
  expectNoNull(parsed);
  expect(parsed).toEqual({ schemaVersion: 1, error: expect.anything(), exitCode: exit });
  const { error } = parsed;
  for (const key of Object.keys(error)) expect(['code', 'message', 'hint', 'details']).toContain(key);
  if (typeof expected === 'string') expect(error.code).toBe(expected);
  expect(CODES[error.code]).toBe(exit);
  // Lower case (an acronym or a name may begin it), no full stop, one line.
  expect(error.message).toMatch(/^(?![A-Z][a-z])[^\n]*[^.\n]$/);
  return error;
}

/** Runs with `--json`, expects this failure and an empty stdout. */
export async function fails(
  run: Runner,
  args: string[],
  expected: Expected,
  options?: RunOptions,
): Promise<ErrorObject> {
  // After `--` it would be a word.
  const result = await run(args.includes('--') ? ['--json', ...args] : [...args, '--json'], options);
  const error = errorObject(result, expected);
  expect(result.stdout).toBe('');
  return error;
}

/** A verdict (rule 2): the whole result on stdout and the error object on stderr. */
export async function verdict<T>(run: Runner, args: string[], expected: Expected, options?: RunOptions) {
  const result = await run([...args, '--json'], options);
  const error = errorObject(result, expected);
  return { error, ...document<T>(result) };
}

/** The object whole as text, to look for something that may stand in message, hint or details. */
export const words = (error: ErrorObject): string => JSON.stringify(error);
