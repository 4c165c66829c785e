import { spawnSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLUSTER_CA, type RunOptions, type RunResult, run } from '../../support/cli.ts';
import { describeWith } from '../../support/debian.ts';
import { scratch } from '../../support/scratch.ts';

/** What is done to the process at one of its storage calls: see storage-fault.c. */
export type Fault = 'kill' | 'tear' | 'stop' | 'short' | 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EINTR';

export interface At {
  /** The number of the storage call, from 1. */
  call: number;
  fault: Fault;
  /** Every later call that takes room fails as well: a disk that stays full. */
  stays?: boolean;
}

/** Where a run works: storage calls below `directory` are counted. */
export interface Target {
  directory: string;
  env: Record<string, string>;
  out: string;
}

/** The long form of the campaign, by hand: `npm run fault`. Else a sample that takes seconds. */
export const LONG = process.env.FAULT_CAMPAIGN === 'long';

/** `describe` where the library can be compiled; it is installed where that is possible. */
export const describeFaults = await describeWith('gcc');

const directory = await scratch('storage-fault');
const library = join(directory, 'storage-fault.so');
let compiled = false;

function preload(): string {
  if (compiled) return library;
  const source = fileURLToPath(new URL('storage-fault.c', import.meta.url));
  const words = ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl', '-lpthread'];
  const { status, stderr } = spawnSync('gcc', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`storage-fault.c does not compile: ${stderr}`);
  compiled = true;
  return library;
}

function start(target: Target, variables: Record<string, string>, args: string[], options: RunOptions = {}) {
  return run(process.execPath, [CLUSTER_CA, ...args], {
    cwd: target.out,
    timeout: 120_000,
    ...options,
    env: {
      ...target.env,
      ...options.env,
      LD_PRELOAD: preload(),
      FAULT_BELOW: target.directory,
      ...variables,
    },
  });
}

/** Runs the tool with a fault at one storage call. */
export function faulty(target: Target, at: At, args: string[], options: RunOptions = {}): Promise<RunResult> {
  const stays: Record<string, string> = at.stays ? { FAULT_FROM: '1' } : {};
  return start(target, { FAULT_AT: String(at.call), FAULT_DO: at.fault, ...stays }, args, options);
}

/** One storage call of a run. */
export interface Call {
  name: string;
  path: string;
  /** Of a link or rename; where a symbolic link leads to; in octal the mode of what has one. */
  from?: string;
  /** Of a write. */
  data?: Uint8Array | undefined;
}

/** The storage calls of a run that ends well, in their order, and what it printed. @param codes exit codes that are well */
export async function trace(
  target: Target,
  args: string[],
  codes = [0],
): Promise<{ calls: Call[]; result: RunResult }> {
  const log = join(directory, 'calls');
  await rm(log, { force: true });
  const result = await start(target, { FAULT_LOG: log }, args);
  if (!codes.includes(result.code ?? -1)) throw new Error(`${args.join(' ')} exits ${result.code}: ${result.stderr}`);
  const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  const calls = lines.map((line): Call => {
    const [name = '', path = '', rest = ''] = line.split('\t');
    if (rest === '') return { name, path };
    return /write/.test(name)
      ? { name, path, data: new Uint8Array(Buffer.from(rest, 'hex')) }
      : { name, path, from: rest };
  });
  return { calls, result };
}

export const textOf = ({ name, path }: Call): string => `${name} ${path}`;

/** The same as texts: name and path. */
export async function storageCalls(target: Target, args: string[]): Promise<string[]> {
  return (await trace(target, args)).calls.map(textOf);
}

/** Whether a run came to its end by SIGKILL. */
export const wasKilled = (result: RunResult): boolean => result.signal === 'SIGKILL' || result.code === 137;

/**
 * The numbers of the calls to try: all of them in the long form. Else MOST, of evenly chosen ones and of those around each
 * link and rename by which something comes to its name: the call itself and the one behind it.
 */
export function sampled(calls: readonly string[], most: number): number[] {
  const all = calls.map((_, i) => i + 1);
  if (LONG || all.length <= most) return all;
  const linked = all.filter((n) =>
    /^(link|rename) .*\/(log\/\d+\/\d+|cert\.pem|keystore|key)$/.test(calls[n - 1] ?? ''),
  );
  const chosen = new Set(linked.flatMap((n) => [n, Math.min(n + 1, calls.length)]));
  for (let i = 0; i < most; i++) chosen.add(Math.floor((i * all.length) / most) + 1);
  const ordered = [...chosen].sort((a, b) => a - b);
  return ordered.filter(
    (_, i) => Math.floor((i * most) / ordered.length) !== Math.floor(((i - 1) * most) / ordered.length),
  );
}
