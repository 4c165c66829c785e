import { agentCommand } from './agent.ts';
import { runCommandLine } from './command-line.ts';
import { enrollCommand } from './enroll.ts';
import type { CommandTable } from './program.ts';

export const COMMANDS: CommandTable = {
  agent: agentCommand,
  enroll: enrollCommand,
};

/** Runs a command line whose verb is of this group. @returns the exit code */
export const run = (argv: string[]): Promise<number> => runCommandLine(argv, COMMANDS);
