import { runCommandLine } from './command-line.ts';
import { answerShell, completionCommand } from './completion.ts';
import type { CommandTable } from './program.ts';

export const COMMANDS: CommandTable = { completion: completionCommand };

/** Runs a command line whose verb is of this group, or answers a shell's question. @returns the exit code */
export async function run(argv: string[]): Promise<number> {
  if (argv[1] !== '--complete') return runCommandLine(argv, COMMANDS);
  await answerShell(argv.slice(argv.indexOf('--') + 1));
  return 0;
}
