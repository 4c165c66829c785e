import { ClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Problem } from './target.ts';

/**
 * Runs a command of the inventory on its host.
 * @throws ERR_REMOTE when it does not end with 0, with the last line that it printed; ERR_TIMEOUT
 */
export async function runCommand(host: Host, argv: readonly string[], timeout: number): Promise<string> {
  return run(host, argv, timeout, 'run it by hand there; it is the reload of this service in the inventory');
}

/**
 * Has a server check its configuration.
 * @param telling the line that says what is wrong, and of it the part
 * @throws ERR_REMOTE when it does not end with 0; ERR_TIMEOUT
 */
export async function checkCommand(
  host: Host,
  argv: readonly string[],
  timeout: number,
  telling: RegExp,
): Promise<void> {
  await run(host, argv, timeout, `look at it by hand there: ${argv.join(' ')}`, telling);
}

/** Ends with 0 when $1 is a program, or something that the shell has itself. */
const FIND = 'p=$(command -v -- "$1") || exit 1; case $p in /*) [ -f "$p" ] && [ -x "$p" ] ;; esac';
/** Milliseconds. */
const LOOKING = 10_000;

/** A program of the inventory that is not there is better known before anything is placed. Nothing is started. */
export async function missingProgram(host: Host, argv: readonly string[] | undefined): Promise<Problem[]> {
  const [program] = argv ?? [];
  if (program === undefined) return [];
  const { code } = await host.run(['sh', '-c', FIND, 'sh', program], { timeout: LOOKING });
  if (code === 0) return [];
  return [
    {
      message: `there is no ${safeText(program)} on ${host.label}`,
      hint: 'is its path in the inventory right?',
    },
  ];
}

async function run(
  host: Host,
  argv: readonly string[],
  timeout: number,
  hint: string,
  telling?: RegExp,
): Promise<string> {
  const { code, stdout, stderr } = await host.run(argv, { timeout });
  if (code === 0) return stdout;
  const output = (stderr.trim() === '' ? stdout : stderr).trim();
  const said = telling?.exec(output)?.[1] ?? output.split('\n').at(-1) ?? '';
  throw new ClusterCaError(
    'ERR_REMOTE',
    `${argv[0]} ${code === undefined ? 'was killed' : `ended with ${code}`} on ${host.label}${said === '' ? '' : `: ${safeText(said.slice(0, 200))}`}`,
    { hint, details: { said } },
  );
}
