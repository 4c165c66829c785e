import type { Completion } from './complete.ts';

/** The verb among the words before the cursor, as the program itself finds it. */
export function calledVerb(words: readonly string[], verbs: readonly string[]): string | undefined {
  return words.find((word) => verbs.includes(word));
}

/** What the scripts read: a line for each word, with what it means behind a tab; `:files` and `:dirs` ask the shell for its own. */
export function formatCompletion({ candidates, paths }: Completion): string {
  const lines = candidates.map(({ value, meaning }) => (meaning === undefined ? value : `${value}\t${meaning}`));
  if (paths !== undefined) lines.push(`:${paths}`);
  return lines.map((line) => `${line}\n`).join('');
}
