import type { CommandDefinition } from '../command-definition.ts';
import { VERSION } from '../version.ts';
import { overviewPage } from './overview-page.ts';
import { readProse } from './prose.ts';
import { verbPage } from './verb-page.ts';

/**
 * Every page of the manual by its file's name.
 * @param program the program with its verbs by name
 * @param verbs each verb in full
 * @param prose reads the prose of a verb, or of `cluster-ca` itself
 */
export function generateManual(
  program: CommandDefinition,
  verbs: readonly CommandDefinition[],
  prose: (name: string) => string,
): Map<string, string> {
  const pages = new Map([['cluster-ca.1', overviewPage(program, readProse(prose('cluster-ca')), VERSION)]]);
  for (const verb of verbs)
    pages.set(`cluster-ca-${verb.name}.1`, verbPage(verb, readProse(prose(verb.name)), VERSION));
  return pages;
}
