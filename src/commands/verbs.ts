import type { Command } from 'commander';
import type { Context } from '../context.ts';

/** A verb: loaded only when it is called, so that no command pays for another. */
export interface Verb {
  name: string;
  summary: string;
  load: () => Promise<(ctx: Context) => Command>;
}

/** Every verb, in the order in which help lists them. */
export const VERBS: readonly Verb[] = [
  {
    name: 'init',
    summary: 'make a keystore: root CA, issuing CA, CRLs',
    load: async () => (await import('./init.ts')).initCommand,
  },
  {
    name: 'issue',
    summary: 'issue certificates to nodes and clients',
    load: async () => (await import('./issue.ts')).issueCommand,
  },
];
