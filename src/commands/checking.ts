import { auditCommand } from './audit.ts';
import { inspectCommand } from './inspect.ts';
import type { CommandTable } from './program.ts';
import { verifyCommand } from './verify.ts';

export { buildProgram } from './program.ts';

export const COMMANDS: CommandTable = { inspect: inspectCommand, verify: verifyCommand, audit: auditCommand };
