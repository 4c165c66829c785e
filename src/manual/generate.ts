import { defineProgram } from '../commands/definitions.ts';
import { VERBS } from '../commands/verbs.ts';
import type { Context } from '../context.ts';
import { VERSION } from '../version.ts';
import { overviewPage } from './overview-page.ts';
import { readProse } from './prose.ts';
import { verbPage } from './verb-page.ts';

/**
 * Every page of the manual by its file's name, made from the command definitions and the prose.
 * @param prose reads the prose of a verb, or of `cluster-ca` itself
 */
export async function generateManual(prose: (name: string) => string): Promise<Map<string, string>> {
  const pages = new Map<string, string>();
  // Definitions want a context; only running a command looks into it.
  const nowhere = { globals: {} } as Context;
  const overview = await defineProgram(nowhere, undefined);
  pages.set('cluster-ca.1', overviewPage(overview, readProse(prose('cluster-ca')), VERSION));
  for (const { name } of VERBS) {
    const program = await defineProgram(nowhere, name);
    const command = program.commands.find((child) => child.name === name);
    if (command !== undefined) pages.set(`cluster-ca-${name}.1`, verbPage(command, readProse(prose(name)), VERSION));
  }
  return pages;
}
