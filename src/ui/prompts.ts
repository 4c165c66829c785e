import { input, confirm as inquirerConfirm, password, select } from '@inquirer/prompts';
import { ClusterCaError } from '../errors.ts';

/** Questions go to stderr: stdout carries the result only. */
const context = { output: process.stderr, clearPromptOnDone: false };

/** What is wrong with an answer, or true. */
export type Validate = (answer: string) => true | string | Promise<true | string>;

/** y/N, the safe answer being the default. @throws ERR_CANCELLED at Ctrl-C, as all here */
export function confirm(message: string, initial = false): Promise<boolean> {
  return cancellable(inquirerConfirm({ message, default: initial }, context));
}

/** One line of text; an answer that `validate` finds wrong is asked for again, with the reason below it. */
export function ask(message: string, initial?: string, validate?: Validate): Promise<string> {
  const rest = {
    ...(initial === undefined ? {} : { default: initial }),
    ...(validate === undefined ? {} : { validate }),
  };
  return cancellable(input({ message, ...rest }, context));
}

export interface Choice<Value> {
  value: Value;
  name: string;
  description?: string;
}

/** One of several, with the arrow keys; the first is the default. */
export function askChoice<Value>(message: string, choices: readonly Choice<Value>[]): Promise<Value> {
  return cancellable(select<Value>({ message, choices: [...choices] }, context));
}

/** A secret that is not echoed. */
export function askSecret(message: string, validate?: Validate): Promise<string> {
  return cancellable(password({ message, mask: false, ...(validate === undefined ? {} : { validate }) }, context));
}

async function cancellable<T>(prompt: Promise<T>): Promise<T> {
  try {
    return await prompt;
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'ExitPromptError')
      throw new ClusterCaError('ERR_CANCELLED', 'interrupted: nothing was changed', { cause });
    throw cause;
  }
}
