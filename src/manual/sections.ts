import type { ArgumentDefinition, CommandDefinition, OptionDefinition } from '../command-definition.ts';
import { VARIABLES } from './environment.ts';
import { EXIT_MEANINGS } from './exit-codes.ts';
import { type Prose, toRoff } from './prose.ts';
import { bold, escapeCode, fill, inline, italic, tagged } from './roff.ts';

/** When the pages were last reviewed as a whole. */
const DATE = '2026-11-25';

/** The page's first lines: its title, what it is, and in one line what it does. */
export function headLines(page: string, version: string, summary: string): string[] {
  return [
    '.\\" Made by npm run manual from the command definitions and src/manual/prose: change those.',
    `.TH ${escapeCode(page.toUpperCase())} 1 ${DATE} "cluster\\-ca ${version}" "cluster\\-ca"`,
    '.SH NAME',
    ...fill(`${escapeCode(page)} \\- ${inline(summary)}`),
  ];
}

/** `cluster-ca issue [option ...] [NAMES ...]`, with its subcommands each on a line of its own. */
export function synopsisLines(words: string, command: CommandDefinition): string[] {
  return leaves(words, command).flatMap(([name, leaf], i) => [
    ...(i === 0 ? [] : ['.br']),
    `.B ${escapeCode(name)}`,
    ...(leaf.options.length > 1 ? [`[\\fIoption\\fR ...]`] : []),
    ...leaf.arguments.map(argumentText),
  ]);
}

/** The command itself, or those below it that can be run, by all of their words. */
export function leaves(words: string, command: CommandDefinition): [words: string, command: CommandDefinition][] {
  if (command.commands.length === 0) return [[words, command]];
  return command.commands.flatMap((child) => leaves(`${words} ${child.name}`, child));
}

function argumentText({ name, required, variadic, choices }: ArgumentDefinition): string {
  const text = choices === undefined ? italic(name.toUpperCase()) : choices.map(bold).join(' | ');
  const more = variadic ? ' ...' : '';
  return required ? `${text}${more}` : `[${text}${more}]`;
}

export function argumentLines(definitions: readonly ArgumentDefinition[]): string[] {
  return definitions.flatMap(({ name, description }) =>
    tagged(italic(name.toUpperCase()), sentence(escapeProse(description))),
  );
}

export function optionLines(options: readonly OptionDefinition[]): string[] {
  return options.filter(({ long }) => long !== '--help').flatMap((option) => tagged(flagText(option), meaning(option)));
}

function flagText({ short, long, value }: OptionDefinition): string {
  const flags = [short, long].flatMap((flag) => (flag === undefined ? [] : [bold(flag)])).join(', ');
  return value === undefined ? flags : `${flags} ${italic(value)}`;
}

function meaning({ description, choices, default: initial, repeatable }: OptionDefinition): string {
  const parts = [sentence(escapeProse(description))];
  if (choices !== undefined) parts.push(`One of ${choices.map(bold).join(', ')}.`);
  if (initial !== undefined) parts.push(`Default: ${bold(initial)}.`);
  if (repeatable) parts.push('May be given more than once.');
  return parts.join(' ');
}

/** Help texts are prose with flags in it. */
function escapeProse(text: string): string {
  return inline(text.replace(/(?<![\w`-])--?[a-z][a-z-]*/g, (flag) => `\`${flag}\``));
}

function sentence(text: string): string {
  // What starts with a name, such as ecdsa-p256, keeps it as it is written.
  const name = /^[a-z0-9]*[\d-]/.test(text);
  const first = name ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return /[.:]$/.test(first) ? first : `${first}.`;
}

export function environmentLines(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const text = VARIABLES[name];
    if (text === undefined) throw new Error(`no such variable: ${name}`);
    return tagged(bold(name), inline(text));
  });
}

export function exitLines(codes: readonly string[]): string[] {
  return codes.flatMap((code) => {
    const text = EXIT_MEANINGS[Number(code)];
    if (text === undefined) throw new Error(`no such exit code: ${code}`);
    return tagged(bold(code), inline(text));
  });
}

/** A section of prose under its heading; nothing where there is none. */
export function proseSection(prose: Prose, heading: string): string[] {
  const text = prose.get(heading);
  return text === undefined ? [] : [`.SH ${heading}`, ...toRoff(text)];
}

/** The pages that belong with this one. */
export function seeAlsoLines(names: readonly string[]): string[] {
  return ['.SH SEE ALSO', ...names.map((name, i) => `.BR ${escapeCode(name)} (1)${i === names.length - 1 ? '' : ','}`)];
}
