import type { CommandDefinition } from '../command-definition.ts';
import { VARIABLES } from './environment.ts';
import { EXIT_MEANINGS, errorCodes } from './exit-codes.ts';
import type { Prose } from './prose.ts';
import { bold, inline, italic, tagged } from './roff.ts';
import { environmentLines, headLines, optionLines, proseSection, seeAlsoLines } from './sections.ts';

/** `cluster-ca(1)`: the verbs, and what holds for all of them. */
export function overviewPage(program: CommandDefinition, prose: Prose, version: string): string {
  const lines = [
    ...headLines('cluster-ca', version, 'the private certificate authority of one cluster'),
    '.SH SYNOPSIS',
    `.B cluster\\-ca`,
    `${italic('VERB')} [\\fIoption\\fR ...] [\\fIargument\\fR ...]`,
    ...proseSection(prose, 'DESCRIPTION'),
    '.SH VERBS',
    ...program.commands.flatMap(({ name, summary }) =>
      tagged(`${bold(`cluster-ca-${name}`)}(1)`, inline(`${summary}.`)),
    ),
    '.SH OPTIONS',
    'These stand before or behind the verb.',
    ...optionLines(program.options),
    ...tagged(`${bold('-h')}, ${bold('--help')}`, 'Print the help of the program or of a verb.'),
    ...proseSection(prose, 'SECRETS'),
    ...proseSection(prose, 'ARGUMENTS'),
    '.SH ENVIRONMENT',
    ...environmentLines(Object.keys(VARIABLES)),
    ...proseSection(prose, 'FILES'),
    '.SH EXIT STATUS',
    ...Object.entries(EXIT_MEANINGS).flatMap(([code, text]) => {
      const names = errorCodes(Number(code));
      const errors = names.length === 0 ? '' : ` (${names.map((name) => `\`${name}\``).join(', ')})`;
      return tagged(bold(code), inline(`${text}${errors}`));
    }),
    ...proseSection(prose, 'EXAMPLES'),
    ...seeAlsoLines(program.commands.map(({ name }) => `cluster-ca-${name}`)),
  ];
  return `${lines.join('\n')}\n`;
}
