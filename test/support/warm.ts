import { cli, type RunOptions, type RunResult } from './cli.ts';

/** One run in so many has a process of its own all the same. */
const SAMPLE = 10;
let runs = 0;

export interface WarmResult extends RunResult {
  /** Seconds; there is none when it was killed. */
  processorTime?: number;
}

type Outcome = Pick<WarmResult, 'code' | 'signal' | 'stdout' | 'stderr' | 'processorTime'>;
/** scripts/jest-environment.mjs */
type RunWarm = (
  job: { args: string[]; cwd: string; env: Record<string, string> },
  timeout: number,
) => Promise<Outcome> | undefined;

/**
 * Runs `cluster-ca` as {@link cli} does, in a process that is warm where nothing can tell the difference: a fifth of what
 * a process of its own costs. It is for what sets a test up, and for tests of what a command writes and how it ends;
 * test/cli/warm.test.ts holds both ways against each other. What is said of a process itself (signals, its start, its
 * memory, what is preloaded) and of its pipes is tested with {@link cli}. A run that is given standard input, descriptors, a user or a
 * variable that Node or a library may read as it starts has a process of its own here too, and so has one that begins while another is at
 * work: two runs at once are two processes.
 */
export async function warmCli(args: string[], options: RunOptions = {}): Promise<RunResult> {
  runs += 1;
  return (runs % SAMPLE === 0 ? undefined : warmly(args, options)) ?? cli(args, options);
}

/** Runs it in the warm process. @returns undefined when this run must have a process of its own, or the warm one is at work */
export function warmly(args: string[], options: RunOptions = {}): Promise<WarmResult> | undefined {
  const { runWarm } = globalThis as { runWarm?: RunWarm };
  if (wantsProcess(args, options)) return undefined;
  const { cwd = process.cwd(), timeout = 60_000 } = options;
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', LC_ALL: 'C.UTF-8', ...options.env };
  return runWarm?.({ args, cwd, env }, timeout)?.then((outcome) => ({
    ...outcome,
    json: () => JSON.parse(outcome.stdout),
    error: () => JSON.parse(outcome.stderr),
  }));
}

function wantsProcess(args: string[], { env = {}, cwd: _, timeout: __, ...more }: RunOptions): boolean {
  return (
    Object.values(more).some((value) => value !== undefined) ||
    !Object.keys(env).every((name) => /^(PATH|HOME|TMPDIR|LC_ALL|XDG_\w+|CLUSTER_CA_\w+)$/.test(name)) ||
    // A descriptor that is not open in a process of its own is one of the warm process's.
    args.some((word) => /-fd(=|$)/.test(word))
  );
}
