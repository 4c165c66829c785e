import type { CommandDefinition } from '../command-definition.ts';
import type { Context } from '../context.ts';
import { generateManual } from '../manual/generate.ts';
import { defineProgram } from './definitions.ts';
import { VERBS } from './verbs.ts';

/**
 * The manual, made from the command definitions and the prose: `npm run manual` writes it, a test compares it.
 * @param prose reads the prose of a verb, or of `cluster-ca` itself
 * @returns every page by its file's name
 */
export async function manualPages(prose: (name: string) => string): Promise<Map<string, string>> {
  // Definitions want a context; only running a command looks into it.
  const nowhere = { globals: {} } as Context;
  const verbs: CommandDefinition[] = [];
  for (const { name } of VERBS)
    verbs.push(...(await defineProgram(nowhere, name)).commands.filter((command) => command.name === name));
  return generateManual(await defineProgram(nowhere, undefined), verbs, prose);
}
