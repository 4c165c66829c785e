import { safeText } from '../ui/text/safe.ts';
import type { MadeToken } from './make-token.ts';

/** What `join-token` has made, as `--json` prints it: the token itself, or the file that has it. */
export interface TokenDocument extends Omit<MadeToken, 'token'> {
  token?: string;
  files?: string[];
}

/** What comes next, on the node. */
export function nextStep({ node }: Pick<MadeToken, 'node'>, file = 'FILE'): string {
  return `next, on ${node}: cluster-ca enroll --server https://HOST:8443 --token-file ${safeText(file)} --out DIR`;
}
