import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { CLUSTER_CA, type RunOptions, type RunResult, run } from '../support/cli.ts';
import type { Cluster } from '../support/clusters.ts';

/** Whether system calls can be counted and interrupted here. */
export const canTrace = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', 'true']).status === 0;
if (!canTrace) console.warn('skipped: strace is missing or may not trace (apt-get install strace)');

/** The steps by which files become durable and visible. */
const STEPS = ['fsync', 'fdatasync', 'link', 'linkat', 'rename', 'renameat', 'renameat2'];
const TIDYING = ['mkdir', 'unlink'];

export type Moment = readonly [call: string, when: number];

type Target = Pick<Cluster, 'env' | 'out'>;

/** Runs the tool under strace; asynchronous file calls all go through one thread, so that they can be counted. */
export function traced(cluster: Target, words: string[], args: string[], options: RunOptions = {}): Promise<RunResult> {
  return run('strace', ['-f', '-qq', ...words, process.execPath, CLUSTER_CA, ...args], {
    cwd: cluster.out,
    ...options,
    env: { ...cluster.env, ...options.env, UV_THREADPOOL_SIZE: '1' },
  });
}

/** Runs with this done to the Nth such call of a thread: `signal=SIGKILL` comes just before it, `error=EIO` is its answer. */
export const injected = (
  cluster: Target,
  [call, when]: Moment,
  what: 'signal=SIGKILL' | 'signal=SIGSTOP' | 'error=EIO' | 'error=ENOSPC',
  args: string[],
  options?: RunOptions,
): Promise<RunResult> => {
  const inject = `inject=${call}:${what}:when=${when}`;
  return traced(cluster, ['-o', '/dev/null', '-e', `trace=${call}`, '-e', inject], args, options);
};

/** Whether a run came to that moment. */
export const wasKilled = (result: RunResult): boolean => result.signal === 'SIGKILL' || result.code === 137;

/**
 * The moments of an undisturbed run: each step by name and number. Of the names that only tidy up, and with EVERY of
 * all, some stand for the others: a test that kills at each would take minutes.
 * @param exits the code that the undisturbed run ends with
 */
export async function moments(cluster: Target, log: string, args: string[], every = 1, exits = 0): Promise<Moment[]> {
  const result = await traced(cluster, ['-o', log, '-e', `trace=${[...STEPS, ...TIDYING].join(',')}`], args);
  if (result.code !== exits) throw new Error(`${args.join(' ')} exits ${result.code}: ${result.stderr}`);
  const counts = new Map<string, number>();
  for (const [, thread, call] of (await readFile(log, 'utf8')).matchAll(/^(\d+) +(\w+)\(/gm))
    counts.set(`${call} ${thread}`, (counts.get(`${call} ${thread}`) ?? 0) + 1);
  return [...STEPS, ...TIDYING].flatMap((call) => {
    const most = Math.max(0, ...[...counts].filter(([key]) => key.startsWith(`${call} `)).map(([, count]) => count));
    const stride = TIDYING.includes(call) ? every * 3 : every;
    return Array.from({ length: Math.ceil(most / stride) }, (_, i) => [call, i * stride + 1] as const);
  });
}
