/**
 * One word for a remote shell, whatever is in it: sh, bash, dash, ksh and zsh read it so, and fish too (which gives a
 * backslash between single quotes a meaning). No NUL: no system takes one in an argument.
 */
export function shellQuote(word: string): string {
  if (word.includes('\0')) throw new Error('it holds a null byte');
  if (/^[A-Za-z0-9_./:@%+,-]+$/.test(word)) return word;
  return `'${word.replace(/['\\]/g, (character) => (character === "'" ? `'"'"'` : `'"\\\\"'`))}'`;
}
