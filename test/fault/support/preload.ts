import { spawnSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLUSTER_CA, type RunOptions, type RunResult, run } from '../../support/cli.ts';
import { describeWith, executable } from '../../support/debian.ts';
import { scratch } from '../../support/scratch.ts';

/** What is done to the process at one of its storage calls: see storage-fault.c. */
export type Fault = 'kill' | 'tear' | 'stop' | 'short' | 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EINTR';

export interface At {
  /** The number of the storage call, from 1. */
  call: number;
  fault: Fault;
  /** Every later call that takes room fails as well: a disk that stays full. */
  stays?: boolean;
  /** A file to which the calls are appended. */
  log?: string | undefined;
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

/** What has a process load the library; nothing where it cannot be compiled. */
export const preloaded = (): Record<string, string> =>
  executable('gcc') === undefined ? {} : { LD_PRELOAD: preload() };

/** What the library is told. */
export const variablesOf = (
  { directory: below }: Target,
  { call, fault, stays = false, log }: At,
): Record<string, string> => ({
  FAULT_BELOW: below,
  FAULT_AT: String(call),
  FAULT_DO: fault,
  ...(stays ? { FAULT_FROM: '1' } : {}),
  ...(log === undefined ? {} : { FAULT_LOG: log }),
});

/** Runs the tool, in a process of its own, with a fault at one storage call. */
export const faulty = (target: Target, at: At, args: string[], options?: RunOptions): Promise<RunResult> =>
  start(target, variablesOf(target, at), args, options);

function start(target: Target, faults: Record<string, string>, args: string[], options: RunOptions = {}) {
  return run(process.execPath, [CLUSTER_CA, ...args], {
    cwd: target.out,
    timeout: 120_000,
    ...options,
    env: { ...target.env, ...options.env, ...preloaded(), ...faults },
  });
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

export interface Traced {
  calls: Call[];
  result: RunResult;
}

/** The storage calls of a run that ends well, in their order, and what it printed. @param codes exit codes that are well */
export const trace = (target: Target, args: string[], codes?: number[]): Promise<Traced> =>
  traceOf(target, args, (faults) => start(target, faults, args), codes);

/** The same of a run that somebody else does, with what the library is to be told. */
export async function traceOf(
  target: Target,
  args: string[],
  begin: (faults: Record<string, string>) => Promise<RunResult>,
  codes = [0],
): Promise<Traced> {
  const log = await newLog();
  const result = await begin({ FAULT_BELOW: target.directory, FAULT_LOG: log });
  if (!codes.includes(result.code ?? -1)) throw new Error(`${args.join(' ')} exits ${result.code}: ${result.stderr}`);
  return { calls: await callsIn(log), result };
}

/** Where calls can be taken down; what was there is gone. */
export async function newLog(): Promise<string> {
  const log = join(directory, 'calls');
  await rm(log, { force: true });
  return log;
}

export async function callsIn(log: string): Promise<Call[]> {
  const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  return lines.map((line): Call => {
    const [name = '', path = '', rest = ''] = line.split('\t');
    if (rest === '') return { name, path };
    return /write/.test(name)
      ? { name, path, data: new Uint8Array(Buffer.from(rest, 'hex')) }
      : { name, path, from: rest };
  });
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
  const middles = Array.from({ length: most }, (_, i) => Math.floor(((i + 0.5) * ordered.length) / most));
  return [...new Set(middles.map((i) => ordered[i] as number))];
}
