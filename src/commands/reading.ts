import { listCommand } from './list.ts';
import type { CommandTable } from './program.ts';
import { statusCommand } from './status.ts';

export { buildProgram } from './program.ts';

export const COMMANDS: CommandTable = { list: listCommand, status: statusCommand };
