import { input, confirm as inquirerConfirm, password } from '@inquirer/prompts';
import { ClusterCaError } from '../errors.ts';

/** Questions go to stderr: stdout carries the result only. */
const context = { output: process.stderr, clearPromptOnDone: false };

/** y/N, the safe answer being the default. @throws ERR_CANCELLED at Ctrl-C, as all here */
export function confirm(message: string): Promise<boolean> {
  return cancellable(inquirerConfirm({ message, default: false }, context));
}

/** One line of text. */
export function ask(message: string, initial?: string): Promise<string> {
  return cancellable(input({ message, ...(initial === undefined ? {} : { default: initial }) }, context));
}

/** A secret that is not echoed. */
export function askSecret(message: string): Promise<string> {
  return cancellable(password({ message, mask: false }, context));
}

async function cancellable<T>(prompt: Promise<T>): Promise<T> {
  try {
    return await prompt;
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'ExitPromptError')
      throw new ClusterCaError('ERR_CANCELLED', 'interrupted', { cause });
    throw cause;
  }
}
