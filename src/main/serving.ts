import { runCommandLine } from '../commands/command-line.ts';
import { serveCommand } from '../commands/serve.ts';
import { serve } from '../server/serve.ts';

/** Runs a command line whose verb is a daemon. @returns the exit code */
export const run = (argv: string[]): Promise<number> =>
  runCommandLine(argv, { serve: (ctx) => serveCommand(ctx, serve) });
