import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll } from '@jest/globals';
import { cli, type RunOptions, type RunResult } from '../../support/cli.ts';
import { preloaded } from './preload.ts';

/** One run in so many has a process of its own, as users' have. */
const SAMPLE = 10;
/** A warm process ends after so many runs: nothing piles up. */
const MOST = 500;
/** A hang is a failure, not a wait: milliseconds. */
const HANGS = 120_000;

export interface WarmPlace {
  cwd: string;
  env: Record<string, string>;
}

/** Runs command lines in a process that is warm. */
export interface Warm {
  /** One in ten has a process of its own all the same. */
  run(args: string[], place: WarmPlace): Promise<RunResult>;
  /** The same, in the place of {@link cli}. */
  cli(args: string[], options?: RunOptions): Promise<RunResult>;
  /**
   * @param faults what storage-fault.c is told for this run
   * @throws when the process ends, or hangs: it is none of the answers that a run may give. The next run has a new one
   */
  here(args: string[], place: WarmPlace, faults?: Record<string, string>): Promise<RunResult>;
}

/** Call it at the top level of a test file: it registers the clean-up. */
export function warmProcess(): Warm {
  let child: ChildProcess | undefined;
  let [runs, since] = [0, 0];
  const end = (): void => {
    child?.kill('SIGKILL');
    child = undefined;
  };
  afterAll(async () => {
    const last = child;
    end();
    if (last?.exitCode === null && last.signalCode === null) await once(last, 'exit');
  });

  const here: Warm['here'] = (args, { cwd, env }, faults = {}) =>
    new Promise((resolve, reject) => {
      const one = started();
      let hangs = false;
      const died = (code: number | null, signal: string | null): void => {
        clearTimeout(timer);
        if (child === one) child = undefined;
        const how = hangs ? 'hangs' : `ends with ${signal ?? code}`;
        reject(new Error(`the warm process ${how} during ${args.join(' ')} ${JSON.stringify(faults)}`));
      };
      const timer = setTimeout(() => {
        hangs = true;
        end();
      }, HANGS);
      one.once('exit', died);
      one.once('message', (message) => {
        clearTimeout(timer);
        one.off('exit', died);
        const result = message as Pick<RunResult, 'code' | 'stdout' | 'stderr'>;
        const [json, error] = [() => JSON.parse(result.stdout), () => JSON.parse(result.stderr)];
        resolve({ ...result, signal: null, json, error });
      });
      one.send({ args, cwd, env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', ...env }, faults });
    });

  function started(): ChildProcess {
    if (since++ >= MOST) end();
    if (child === undefined) {
      since = 1;
      const file = fileURLToPath(new URL('warm.mjs', import.meta.url));
      const env = { ...process.env, ...preloaded() };
      child = fork(file, { execArgv: [], env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    }
    return child;
  }

  const run: Warm['run'] = (args, place) => (runs++ % SAMPLE === 0 ? cli(args, place) : here(args, place));
  return { here, run, cli: (args, { cwd = process.cwd(), env = {} } = {}) => run(args, { cwd, env }) };
}
