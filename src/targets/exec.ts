import * as z from 'zod';
import { argv, COMMAND_PATIENCE, duration } from './options.ts';
import { missingProgram, runCommand } from './run-command.ts';
import type { Target } from './target.ts';

const options = z.strictObject({
  command: argv,
  timeout: duration.default(COMMAND_PATIENCE),
  crl: z.enum(['every-level', 'issuing', 'none']).default('none'),
  combined: z.enum(['true', 'false']).default('false'),
});

/** Any server that a command reloads. What it serves afterwards is looked at, whatever the command says. */
export const execTarget: Target<z.infer<typeof options>> = {
  kind: 'exec',
  options,
  abilities: ({ crl, combined }) => ({
    certificate: 'reload',
    trust: 'reload',
    crl,
    combined: combined === 'true',
    connections: 'none',
  }),
  open: ({ options: { command, timeout }, host }) => ({
    preflight: async () => missingProgram(host, command),
    reload: async () => {
      await runCommand(host, command, timeout);
    },
    close: async () => {},
  }),
};
