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
  {
    name: 'request',
    summary: 'on a node: make a key and a certification request',
    load: async () => (await import('./request.ts')).requestCommand,
  },
  {
    name: 'rotate',
    summary: 'give nodes and clients new keys and certificates',
    load: async () => (await import('./rotate.ts')).rotateCommand,
  },
  {
    name: 'revoke',
    summary: 'revoke certificates and publish a new CRL',
    load: async () => (await import('./revoke.ts')).revokeCommand,
  },
  {
    name: 'crl',
    summary: 'print the current CRLs, or sign new ones',
    load: async () => (await import('./crl.ts')).crlCommand,
  },
  { name: 'list', summary: 'list certificates', load: async () => (await import('./list.ts')).listCommand },
  {
    name: 'status',
    summary: 'say what needs attention',
    load: async () => (await import('./status.ts')).statusCommand,
  },
  {
    name: 'inspect',
    summary: 'show what a file, a node or a keystore holds',
    load: async () => (await import('./inspect.ts')).inspectCommand,
  },
  {
    name: 'verify',
    summary: 'validate a certificate and say which rule fails',
    load: async () => (await import('./verify.ts')).verifyCommand,
  },
  {
    name: 'audit',
    summary: "verify and export the keystore's log",
    load: async () => (await import('./audit.ts')).auditCommand,
  },
  {
    name: 'keystore',
    summary: 'check the keystore, change what opens it',
    load: async () => (await import('./keystore.ts')).keystoreCommand,
  },
];
