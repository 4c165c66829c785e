import { DOLLAR } from './program.ts';

/** The word for -L by which a local socket leads to a remote one. */
export function forwardingOf(local: string, remote: string): string {
  return `${escaped(local)}:${escaped(remote)}`;
}

/** The words by which a port of 127.0.0.1 there leads to a socket here. */
export function backwardOf(port: number, local: string): string[] {
  return ['-R', `127.0.0.1:${port}:${escaped(local)}`];
}

/** There a colon and a backslash mean something, and so do ssh's tokens and variables. */
function escaped(path: string): string {
  return path.replace(/[\\:]/g, '\\$&').replaceAll('%', '%%').replaceAll('${', `\${${DOLLAR}}{`);
}
