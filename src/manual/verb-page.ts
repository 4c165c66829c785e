import type { CommandDefinition } from '../command-definition.ts';
import { codeSections } from './code-lines.ts';
import { listed, type Prose } from './prose.ts';
import { bold, escapeCode, fill } from './roff.ts';
import {
  argumentLines,
  environmentLines,
  exitLines,
  headLines,
  leaves,
  optionLines,
  proseSection,
  seeAlsoLines,
  synopsisLines,
} from './sections.ts';

/** The page of a verb, with its subcommands. */
export function verbPage(command: CommandDefinition, prose: Prose, version: string): string {
  const page = `cluster-ca-${command.name}`;
  const words = `cluster-ca ${command.name}`;
  const lines = [
    ...headLines(page, version, command.summary),
    '.SH SYNOPSIS',
    ...synopsisLines(words, command),
    ...proseSection(prose, 'DESCRIPTION'),
    ...optionSections(words, command, prose),
    ...furtherSections(words, command, prose),
    '.PP',
    ...fill(`The options of every command, ${bold('--json')} among them, are in ${bold('cluster-ca')}(1).`),
    ...section('ENVIRONMENT', environmentLines(listed(prose, 'ENVIRONMENT'))),
    ...proseSection(prose, 'FILES'),
    ...section('EXIT STATUS', exitLines(listed(prose, 'EXIT STATUS'))),
    ...proseSection(prose, 'EXAMPLES'),
    ...codeSections(command.name),
    ...seeAlsoLines(['cluster-ca', ...listed(prose, 'SEE ALSO').map((verb) => `cluster-ca-${verb}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Arguments and options: of the verb itself, or under each of its subcommands, with what the prose says of it. */
function optionSections(words: string, command: CommandDefinition, prose: Prose): string[] {
  if (command.commands.length === 0)
    return section('OPTIONS', [...argumentLines(command.arguments), ...optionLines(command.options)]);
  return [
    '.SH COMMANDS',
    ...leaves(words, command).flatMap(([name, leaf]) => {
      const own = name.slice(words.length + 1);
      const text = proseSection(prose, own).slice(1);
      return [
        `.SS ${escapeCode(own)}`,
        ...(text.length > 0 ? text : fill(`${leaf.summary.charAt(0).toUpperCase()}${leaf.summary.slice(1)}.`)),
        ...argumentLines(leaf.arguments),
        ...optionLines(leaf.options),
      ];
    }),
  ];
}

const OWN_PLACE = ['DESCRIPTION', 'ENVIRONMENT', 'FILES', 'EXIT STATUS', 'EXAMPLES', 'SEE ALSO'];

/** Whatever else the prose has: nothing of it may be lost. */
function furtherSections(words: string, command: CommandDefinition, prose: Prose): string[] {
  const subcommands = command.commands.length === 0 ? [] : leaves(words, command);
  const placed = [...OWN_PLACE, ...subcommands.map(([name]) => name.slice(words.length + 1))];
  return [...prose.keys()]
    .filter((heading) => !placed.includes(heading))
    .flatMap((heading) => [`.SH ${heading.toUpperCase()}`, ...proseSection(prose, heading).slice(1)]);
}

function section(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`.SH ${heading}`, ...lines];
}
