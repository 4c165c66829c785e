import type { Context, GlobalOptions } from '../context.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { Ui } from '../ui/ui.ts';
import { buildProgram, type CommandTable } from './program.ts';
import { VERBS } from './verbs.ts';

const VARIABLES = [
  'KEYSTORE',
  'PASSPHRASE_FILE',
  'PASSPHRASE_COMMAND',
  'PASSPHRASE',
  'KEY_FILE',
  'INVENTORY',
  'NO_INPUT',
].map((name) => `CLUSTER_CA_${name}`);

/**
 * Runs one command line to its exit code.
 * @param argv the words behind the program's name
 * @param commands the commands of the group that the verb belongs to
 */
export async function runCommandLine(argv: string[], commands: CommandTable): Promise<number> {
  const env = { ...process.env };
  const has = (...flags: string[]): boolean => beforeTerminator(argv).some((word) => flags.includes(word));
  const ui = new Ui({
    json: has('--json'),
    noInput: has('--no-input') || (env.CLUSTER_CA_NO_INPUT !== undefined && env.CLUSTER_CA_NO_INPUT !== '0'),
    quiet: has('-q', '--quiet'),
    color: !has('--no-color'),
    debug: has('--debug'),
    env,
  });
  const globals: GlobalOptions = { wait: 30_000 };
  const ctx: Context = { ui, env, cwd: process.cwd(), now: () => new Date(), globals };
  try {
    checkVariables(env);
    await run(ctx, argv, commands);
    return 0;
  } catch (error) {
    return report(ui, error);
  }
}

async function run(ctx: Context, argv: string[], commands: CommandTable): Promise<void> {
  const words = beforeTerminator(argv);
  const verb = words.flatMap((word) => VERBS.find(({ name }) => name === word) ?? [])[0];
  const called = verb?.name;
  const program = buildProgram(ctx, called, commands);
  if (
    words.every((word) => word.startsWith('-')) &&
    !words.some((word) => ['-h', '--help', '--version'].includes(word))
  )
    throw new ClusterCaError('ERR_USAGE', 'which verb?', { hint: 'cluster-ca --help lists them' });
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    throw asUsageError(error, called === 'keystore' && words.includes('slot') ? 'keystore slot' : called);
  }
}

/** Commander's own errors are wrong usage; help and version that were asked for are none. */
function asUsageError(error: unknown, called: string | undefined): unknown {
  if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('commander.'))) return error;
  const { code, exitCode } = error as Error & { code: string; exitCode: number };
  if (exitCode === 0) return undefined;
  if (code === 'commander.help')
    return new ClusterCaError('ERR_USAGE', `${called ?? 'cluster-ca'} wants a verb of its own`, {
      hint: `cluster-ca ${called ?? ''} --help`,
    });
  // A secret may have been put behind the sign of equality by mistake.
  const [message = '', ...more] = error.message
    .replace(/^error: /, '')
    .replace(/(unknown option '[^'=]*)=[^\n]*/, "$1'")
    .split('\n');
  const suggestion = more.join(' ').replace(/[()]/g, '').trim();
  const help = called === undefined ? 'cluster-ca --help' : `cluster-ca ${called} --help`;
  return new ClusterCaError('ERR_USAGE', message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, ''), {
    hint: suggestion === '' ? help : `${suggestion.charAt(0).toLowerCase()}${suggestion.slice(1)} ${help}`,
  });
}

function report(ui: Ui, error: unknown): number {
  if (error === undefined) return 0;
  if (isClusterCaError(error)) {
    ui.error(error);
    return error.exitCode;
  }
  const bug = error instanceof Error ? error : new Error(String(error));
  ui.error(bug);
  return 1;
}

/** A variable that is set but empty is a mistake somewhere: better said than guessed at. */
function checkVariables(env: Record<string, string | undefined>): void {
  for (const name of VARIABLES)
    if (env[name] === '')
      throw new ClusterCaError('ERR_USAGE', `the variable ${name} is set but empty`, { hint: `unset ${name}` });
}

/** The words before `--`, behind which nothing is an option. */
export function beforeTerminator(argv: string[]): string[] {
  const end = argv.indexOf('--');
  return end < 0 ? argv : argv.slice(0, end);
}
