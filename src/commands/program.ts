import { Command, InvalidArgumentError, type Option } from 'commander';
import type { Context } from '../context.ts';
import { VERSION } from '../version.ts';
import { toSeconds } from './options.ts';
import { VERBS } from './verbs.ts';

/** The commands of one group, by their verbs. */
export type CommandTable = Record<string, (ctx: Context) => Command>;

/**
 * The command line's parser with the verb that is called; the others are there by name and summary, for help.
 * @param called the verb's name, if the words hold one
 * @param commands the commands of its group
 */
export function buildProgram(ctx: Context, called: string | undefined, commands: CommandTable): Command {
  const program = new Command('cluster-ca')
    .description('The private certificate authority of one cluster.')
    .usage('VERB [options]')
    .version(VERSION, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option('--keystore <dir>', 'the keystore')
    .option('--cluster <cluster>', 'the cluster whose keystore is meant')
    .option('--json', 'print one JSON document')
    .option('--no-input', 'never ask')
    .option('--no-color', 'never colour')
    .option('-q, --quiet', 'print the result only')
    .option('--debug', 'print stack traces')
    .option('--wait <duration>', 'how long to wait for other writers (default 30s; 0s: not at all)', (text) =>
      text === '0s' ? 0 : toSeconds(text) * 1000,
    )
    .option('--accept-clock', 'write although this clock is behind the last record')
    .option('--confirm <cluster>', 'say yes to a severe thing by naming the cluster')
    .option('--yes', 'say yes to what is asked')
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({ outputError: () => {}, writeErr: () => {} })
    .helpCommand('help [verb]', 'print the help of a verb');
  for (const verb of VERBS) {
    const command = (verb.name === called && commands[verb.name]?.(ctx)) || new Command(verb.name);
    if (command.summary() === '') command.summary(verb.summary);
    program.addCommand(inherit(command, program));
  }
  program.options.forEach(refuseFlagsAsValues);
  program.hook('preAction', (root) => {
    ctx.globals = { ...ctx.globals, ...root.opts() };
  });
  return program;
}

/** addCommand does not hand on how errors end: without this a subcommand would end the process itself. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent).allowExcessArguments(false);
  command.options.forEach(refuseFlagsAsValues);
  for (const child of command.commands) inherit(child, command);
  return command;
}

/** A flag never swallows the next word when that is a flag itself: its value is missing then. */
function refuseFlagsAsValues(option: Option): void {
  if (!option.required) return;
  const parse = option.parseArg;
  option.argParser((value: string, previous: unknown) => {
    if (/^--?[A-Za-z]/.test(value)) throw new InvalidArgumentError('Its value is missing.');
    return parse === undefined ? value : parse(value, previous);
  });
}
