import { input, confirm as inquirerConfirm, password, select } from '@inquirer/prompts';
import { ClusterCaError } from '../errors.ts';
import type { Style } from './text/style.ts';

/** What is wrong with an answer, or true. */
export type Validate = (answer: string) => true | string | Promise<true | string>;

export interface Choice<Value> {
  value: Value;
  name: string;
  /** Shown below the list while it is chosen. */
  description?: string;
}

/** Questions on a terminal. Each throws ERR_CANCELLED at Ctrl-C. */
export interface Prompts {
  /** y/N, or Y/n where `initial` is true. */
  confirm(message: string, initial?: boolean): Promise<boolean>;
  /** One line of text; an answer that `validate` finds wrong is asked for again, with the reason below it. */
  ask(message: string, initial?: string, validate?: Validate): Promise<string>;
  /** One of several, with the arrow keys; the first is the default. */
  askChoice<Value>(message: string, choices: readonly Choice<Value>[]): Promise<Value>;
  /** A secret that is not echoed, and cannot be made visible. */
  askSecret(message: string, validate?: Validate): Promise<string>;
}

/** The questions in a style: inquirer itself knows neither NO_COLOR nor `--no-color`. They go to stderr. */
export function createPrompts(style: Style): Prompts {
  const context = { output: process.stderr, clearPromptOnDone: false };
  const theme = themeOf(style);
  return {
    confirm: (message, initial = false) =>
      cancellable(inquirerConfirm({ message, default: initial, theme: theme.text }, context)),
    ask: (message, initial, validate) =>
      cancellable(input({ message, ...given({ default: initial, validate }), theme: theme.text }, context)),
    askChoice: (message, choices) =>
      cancellable(select({ message, choices: [...choices], theme: theme.list }, context)),
    askSecret: (message, validate) =>
      cancellable(
        password({ message, mask: false, toggleMask: false, ...given({ validate }), theme: theme.text }, context),
      ),
  };
}

function themeOf(style: Style) {
  const prefix = { idle: style.accent('?'), done: style.good(style.unicode ? '✓' : '*') };
  const common = {
    answer: style.accent,
    message: style.bold,
    error: (text: string) => style.bad(`> ${text}`),
    defaultAnswer: (text: string) => style.dim(`(${text})`),
    help: style.dim,
    highlight: style.accent,
    key: style.bold,
  };
  const list = {
    ...common,
    disabled: style.dim,
    description: style.dim,
    keysHelpTip: (keys: [key: string, action: string][]) =>
      style.dim(keys.map(([key, action]) => `${key} ${action}`).join(', ')),
  };
  return {
    text: { prefix, style: common },
    list: { prefix, icon: { cursor: style.unicode ? '❯' : '>' }, style: list },
  };
}

/** Without what is undefined: inquirer tells absent from undefined. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
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
