/**
 * Splits a command into words: white space separates, quotes of either kind group, a backslash outside single
 * quotes takes the next character as it is. Nothing else is special: no shell runs.
 * @returns undefined when a quote is not closed or nothing is left
 */
export function splitWords(command: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let i = 0; i < command.length; i++) {
    const character = command[i] as string;
    if (character === '\\' && quote !== "'") {
      if (++i === command.length) return undefined;
      word = (word ?? '') + command[i];
    } else if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else word += character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  if (quote !== undefined) return undefined;
  if (word !== undefined) words.push(word);
  return words.length === 0 ? undefined : words;
}
