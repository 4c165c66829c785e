import { Argument, Command } from 'commander';
import { complete } from '../completion/complete.ts';
import { keystoreSources } from '../completion/keystore-sources.ts';
import { calledVerb, formatCompletion } from '../completion/protocol.ts';
import { SCRIPTS, SHELLS, type Shell } from '../completion/scripts.ts';
import type { Context } from '../context.ts';
import { Ui } from '../ui/ui.ts';
import { defineProgram } from './definitions.ts';
import { VERBS } from './verbs.ts';

export function completionCommand(ctx: Context, run = runCompletion): Command {
  return new Command('completion')
    .summary('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell) => run(ctx, shell));
}

export function runCompletion(ctx: Context, shell: Shell): void {
  const script = SCRIPTS[shell];
  if (ctx.ui.options.json) ctx.ui.result({ shell, script }, () => '');
  else ctx.ui.raw(script);
}

/**
 * What could stand at the cursor: the question that the scripts ask. It never asks back, and where something is in
 * its way it has no answer.
 * @param words those behind the program's name, up to the cursor
 */
export async function answerShell(words: string[]): Promise<void> {
  const env = { ...process.env };
  const ui = new Ui({ json: false, noInput: true, quiet: true, color: false, debug: false, env });
  const ctx: Context = { ui, env, cwd: process.cwd(), now: () => new Date(), globals: { wait: 0 } };
  try {
    const verb = calledVerb(
      words.slice(0, -1),
      VERBS.map(({ name }) => name),
    );
    const program = await defineProgram(ctx, verb);
    ui.raw(formatCompletion(await complete(program, words, keystoreSources(ctx))));
  } catch {
    // A shell that is completing has no place for an error.
  }
}
