import type { CommandTable } from './program.ts';
import { serveCommand } from './serve.ts';

/** For help, completion and the manual; what the verbs do is handed over in src/main/serving.ts. */
export const COMMANDS: CommandTable = { serve: (ctx) => serveCommand(ctx) };
