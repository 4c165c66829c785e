import { join } from 'node:path';
import type { RunResult } from '../../support/cli.ts';
import { newPlace } from '../../support/clusters.ts';
import { DiskModel } from './disk-model.ts';
import { Ledger, type Subject, type Truth } from './invariant.ts';
import { type At, type Target, type Traced, traceOf, variablesOf } from './preload.ts';
import { warmProcess } from './warm.ts';

/** A run that a fault befalls, as often as wanted, each time from the same state; and the command that must end well after it. */
export interface Operation extends Setting {
  args: string[];
  /** Puts everything back as it was before the run. @returns what had been acknowledged by then */
  begin(): Ledger;
  /** Whether everything is as it was then: a run has come to nothing. */
  unchanged(): boolean;
  /** What is run after a fault. */
  again: string[] | (() => Promise<string[]>);
  /** The error by which that may say that there is nothing left to do; its exit code is 6. */
  already?(before: Truth | undefined): 'ERR_EXISTS' | 'ERR_STATE' | undefined;
  /** What was valid may be gone after the next command. Else it is kept where its CA still signs: finished, not made anew. */
  keepsNothing?: boolean;
  /** What must hold besides, after a fault and after the next command; `before`: what held before that. */
  more?(truth: Truth, before?: Truth): Promise<void>;
}

/** Where runs work, and with what. */
export interface Setting {
  target: Target;
  subject: Subject;
  run(args: string[]): Promise<RunResult>;
  /** Runs in the warm process, with a fault that it outlives: an error, a short write. */
  faulty(args: string[], at: At): Promise<RunResult>;
  /** The storage calls of a run in the warm process. @param codes exit codes that are well */
  trace(args: string[], codes?: number[]): Promise<Traced>;
}

/** A state to begin with. */
export type Prepared = Pick<Operation, 'begin' | 'unchanged'>;

/** Where operations are made ready: one directory, whose states are kept in memory. */
export interface Bench {
  directory: string;
  /** A place whose keystore a key file opens. @param env further variables @param key where it is, below the directory */
  keyed(env?: Record<string, string>, key?: string): Setting;
  /** The same, and no key file. */
  bare(): Setting;
  /**
   * Runs what makes ready, from a state on, and keeps the state that it comes to.
   * @param from absent: an empty place
   */
  prepare(from: Prepared | undefined, work: (ledger: Ledger) => Promise<void>): Promise<Prepared>;
}

/** Call it at the top level of a test file. */
export async function newBench(): Promise<Bench> {
  const { directory, env: place, dir } = await newPlace('fault');
  const warm = warmProcess();
  const [keystore, out] = [join(directory, 'keystore'), await dir('out')];
  for (const name of ['medium', 'keys']) await dir(name);
  const bare = { ...place, TMPDIR: await dir('tmp'), CLUSTER_CA_KEYSTORE: keystore };
  const empty = new DiskModel(directory);
  const setting = (env: Record<string, string>, opens: { keyFile?: string } = {}): Setting => {
    const target = { directory, env, out };
    const at = { cwd: out, env };
    return {
      target,
      subject: { keystore, out, env, ...opens },
      run: (args) => warm.run(args, at),
      faulty: (args, fault) => warm.here(args, at, variablesOf(target, fault)),
      trace: (args, codes) => traceOf(target, args, (faults) => warm.here(args, at, faults), codes),
    };
  };
  return {
    directory,
    keyed(env = {}, key = 'key') {
      const keyFile = join(directory, key);
      return setting({ ...bare, ...env, CLUSTER_CA_KEY_FILE: keyFile }, { keyFile });
    },
    bare: () => setting(bare),
    async prepare(from, work) {
      if (from === undefined) empty.restore('nothing');
      const ledger = from?.begin() ?? new Ledger();
      await work(ledger);
      const disk = new DiskModel(directory);
      const digest = disk.digest('nothing');
      return {
        unchanged: () => new DiskModel(directory).digest('nothing') === digest,
        begin() {
          disk.restore('nothing');
          return ledger.copy();
        },
      };
    },
  };
}

/** Runs that make ready, each of which must end well. */
export async function ready({ run }: Pick<Setting, 'run'>, ledger: Ledger, ...runs: string[][]): Promise<void> {
  for (const args of runs) {
    const result = await run([...args, '--json']);
    if (result.code !== 0) throw new Error(`${args.join(' ')} exits ${result.code}: ${result.stderr}`);
    ledger.note(result);
  }
}

/** A new keystore, and what else is to be run on it. */
export const keystoreWith = async (bench: Bench, ...runs: string[][]): Promise<Prepared> => {
  const made = await once(bench, 'keystore', () =>
    bench.prepare(undefined, (ledger) => ready(bench.keyed(), ledger, ['init', 'orders'])),
  );
  return runs.length === 0 ? made : bench.prepare(made, (ledger) => ready(bench.keyed(), ledger, ...runs));
};

const states = new WeakMap<Bench, Map<string, Promise<Prepared>>>();

/** A state that several begin with is made once for them all. */
export function once(bench: Bench, name: string, make: () => Promise<Prepared>): Promise<Prepared> {
  const made = states.get(bench) ?? new Map<string, Promise<Prepared>>();
  states.set(bench, made);
  const there = made.get(name) ?? make();
  made.set(name, there);
  return there;
}
