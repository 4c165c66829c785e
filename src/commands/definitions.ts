import { type Argument, type Command, Option } from 'commander';
import type { ArgumentDefinition, CommandDefinition, OptionDefinition } from '../command-definition.ts';
import type { Context } from '../context.ts';
import { buildProgram, type CommandTable } from './program.ts';
import { type Group, VERBS } from './verbs.ts';

/** The program with one verb in full, the others by name; `-h` is among the options of each. */
export async function defineProgram(ctx: Context, verb: string | undefined): Promise<CommandDefinition> {
  const group = VERBS.find(({ name }) => name === verb)?.group;
  const commands = group === undefined ? {} : await commandsOf(group);
  return define(buildProgram(ctx, verb, commands));
}

async function commandsOf(group: Group): Promise<CommandTable> {
  switch (group) {
    case 'reading':
      return (await import('./reading.ts')).COMMANDS;
    case 'checking':
      return (await import('./checking.ts')).COMMANDS;
    case 'writing':
      return (await import('./writing.ts')).COMMANDS;
    case 'completing':
      return (await import('./completing.ts')).COMMANDS;
    case 'serving':
      return (await import('./serving.ts')).COMMANDS;
    case 'joining':
      return (await import('./joining.ts')).COMMANDS;
  }
}

function define(command: Command): CommandDefinition {
  return {
    name: command.name(),
    summary: command.summary() || command.description(),
    options: [...command.options.filter(({ hidden }) => !hidden), new Option('-h, --help', 'print this help')].map(
      defineOption,
    ),
    arguments: command.registeredArguments.map(defineArgument),
    commands: command.commands.map(define),
  };
}

function defineOption(option: Option): OptionDefinition {
  const { flags, short, long, description, argChoices, defaultValue } = option;
  return {
    flags,
    short,
    long: long ?? flags,
    value: /<([^>]+)>/.exec(flags)?.[1],
    description,
    choices: argChoices,
    // Of --no-x commander makes the default `true`.
    default: typeof defaultValue === 'string' ? defaultValue : undefined,
    repeatable: 'repeatable' in option,
  };
}

function defineArgument(argument: Argument): ArgumentDefinition {
  return {
    name: argument.name(),
    required: argument.required,
    variadic: argument.variadic,
    description: argument.description,
    choices: argument.argChoices,
  };
}
