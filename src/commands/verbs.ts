/** Verbs that are loaded together: few files for each, and none of them for another's sake. */
export type Group = 'reading' | 'checking' | 'writing' | 'completing' | 'serving' | 'joining';

export interface Verb {
  name: string;
  summary: string;
  group: Group;
}

/** Every verb, in the order in which help lists them. */
export const VERBS: readonly Verb[] = [
  { name: 'init', summary: 'make a keystore: root CA, issuing CA, CRLs', group: 'writing' },
  { name: 'issue', summary: 'issue certificates to nodes and clients', group: 'writing' },
  { name: 'request', summary: 'on a node: make a key and a certification request', group: 'writing' },
  { name: 'rotate', summary: 'give nodes and clients new keys and certificates', group: 'writing' },
  { name: 'deploy', summary: 'put what was issued into live servers, confirmed', group: 'writing' },
  { name: 'rollover', summary: 'replace a CA without downtime, with proof at every step', group: 'writing' },
  { name: 'trust', summary: 'further anchors in the trust bundles that nodes are given', group: 'writing' },
  { name: 'revoke', summary: 'revoke certificates and publish a new CRL', group: 'writing' },
  { name: 'crl', summary: 'print the current CRLs, or sign new ones', group: 'writing' },
  { name: 'list', summary: 'list certificates', group: 'reading' },
  { name: 'status', summary: 'say what needs attention', group: 'reading' },
  { name: 'inspect', summary: 'show what a file, a node or a keystore holds', group: 'checking' },
  { name: 'verify', summary: 'validate a certificate and say which rule fails', group: 'checking' },
  { name: 'export', summary: 'write certificates, keys, anchors or CRLs for other programs', group: 'writing' },
  { name: 'audit', summary: "verify and export the keystore's log", group: 'checking' },
  { name: 'keystore', summary: 'check the keystore, change what opens it', group: 'writing' },
  { name: 'serve', summary: 'issue and rotate over HTTPS with mutual TLS, by itself', group: 'serving' },
  { name: 'join-token', summary: 'make a token with which one new node joins, once', group: 'writing' },
  {
    name: 'enroll',
    summary: 'on a new node: make keys and get its first certificates for a join token',
    group: 'joining',
  },
  { name: 'agent', summary: 'on a node: renew its certificates, put them into its services, report', group: 'joining' },
  { name: 'completion', summary: 'print the completion script of a shell', group: 'completing' },
];
