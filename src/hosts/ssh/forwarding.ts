import { DOLLAR } from './program.ts';

/** The word for -L by which a local socket leads to a remote one. */
export function forwardingOf(local: string, remote: string): string {
  return `${escaped(local)}:${escaped(remote)}`;
}

/** There a colon and a backslash mean something, and so do ssh's tokens and variables. */
function escaped(path: string): string {
  return path.replace(/[\\:]/g, '\\$&').replaceAll('%', '%%').replaceAll('${', `\${${DOLLAR}}{`);
}
