import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll } from '@jest/globals';
import { cli, type RunResult } from '../../support/cli.ts';

/** One run in so many has a process of its own, as users' have. */
const SAMPLE = 10;
/** A warm process ends after so many runs: nothing piles up. */
const MOST = 500;

/** Runs command lines, most of them in a process that is warm. */
export interface Warm {
  run(args: string[], place: { cwd: string; env: Record<string, string> }): Promise<RunResult>;
}

/** Call it at the top level of a test file: it registers the clean-up. */
export function warmProcess(): Warm {
  let child: ChildProcess | undefined;
  let [runs, since] = [0, 0];
  const end = (): void => {
    child?.kill('SIGKILL');
    child = undefined;
  };
  afterAll(end);

  const warm: Warm['run'] = (args, { cwd, env }) =>
    new Promise((resolve, reject) => {
      const one = started();
      const died = (): void => reject(new Error(`the warm process ends during ${args.join(' ')}`));
      // A hang is a failure, not a wait.
      const timer = setTimeout(end, 120_000);
      one.once('exit', died);
      one.once('message', (message) => {
        clearTimeout(timer);
        one.off('exit', died);
        const result = message as Pick<RunResult, 'code' | 'stdout' | 'stderr'>;
        const [json, error] = [() => JSON.parse(result.stdout), () => JSON.parse(result.stderr)];
        resolve({ ...result, signal: null, json, error });
      });
      one.send({ args, cwd, env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', ...env } });
    });

  function started(): ChildProcess {
    if (since++ >= MOST) end();
    if (child === undefined) {
      since = 1;
      const file = fileURLToPath(new URL('warm.mjs', import.meta.url));
      child = fork(file, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    }
    return child;
  }

  return {
    run: (args, place) => (runs++ % SAMPLE === 0 ? cli(args, place) : warm(args, place)),
  };
}
