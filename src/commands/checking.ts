import { auditCommand } from './audit.ts';
import { runCommandLine } from './command-line.ts';
import { inspectCommand } from './inspect.ts';
import type { CommandTable } from './program.ts';
import { verifyCommand } from './verify.ts';

export const COMMANDS: CommandTable = { inspect: inspectCommand, verify: verifyCommand, audit: auditCommand };

/** Runs a command line whose verb is of this group. @returns the exit code */
export const run = (argv: string[]): Promise<number> => runCommandLine(argv, COMMANDS);
