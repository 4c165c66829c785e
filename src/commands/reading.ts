import { runCommandLine } from './command-line.ts';
import { listCommand } from './list.ts';
import type { CommandTable } from './program.ts';
import { statusCommand } from './status.ts';

export const COMMANDS: CommandTable = { list: listCommand, status: statusCommand };

/** Runs a command line whose verb is of this group. @returns the exit code */
export const run = (argv: string[]): Promise<number> => runCommandLine(argv, COMMANDS);
