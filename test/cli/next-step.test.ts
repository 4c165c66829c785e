import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CLUSTER_CA, run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { expectExit, fails } from './checks.ts';
import { hasTerminal, onTerminal } from './terminal.ts';

// Rule 7: success says what changed and the likely next command, and where each file goes.
const cluster = await newCluster();
const { ca, env, out, directory } = cluster;
const text = async (...args: string[]): Promise<string> => {
  const result = await ca(args);
  expectExit(result, 0);
  return result.stdout;
};
const settings = (said: string): string[][] =>
  said.split('\n').flatMap((line) => (line.startsWith('  ') ? [line.trim().split(/ {2,}/)] : []));
await text('issue', 'redis-1', '--plane', 'data');

describe('issue', () => {
  test('of a node: the directory, a setting for each file and plane, who can read the key', async () => {
    const said = await text('issue', 'n1');
    expect(said).toContain(`\n  ${join(out, 'n1')}/PLANE/\n`);
    expect(settings(said)).toEqual(
      expect.arrayContaining([
        ['data', 'Redis', 'tls-cert-file', 'tls-key-file', 'tls-ca-cert-file'],
        ['etcd', '--cert-file', '--key-file', '--trusted-ca-file'],
        ['control', 'etcd peer', '--peer-cert-file', '--peer-key-file', '--peer-trusted-ca-file'],
      ]),
    );
    expect(said).toMatch(/^only \S+ can read the key \(0600\)/m);
    expect(said).toMatch(/^next: start the servers with these files, or reload those that run/m);
  });

  test('of one plane: its directory and its settings alone', async () => {
    const said = await text('issue', 'n2', '--plane', 'control');
    expect(said).toContain(`\n  ${join(out, 'n2/control')}/\n`);
    expect(said).toContain('--peer-cert-file');
    expect(said).not.toContain('tls-cert-file');
  });

  test('of a client: nothing to reload', async () => {
    const said = await text('issue', '--client', 'app');
    expect(settings(said)).toEqual(expect.arrayContaining([['libpq', 'sslcert', 'sslkey', 'sslrootcert']]));
    expect(said).toMatch(/^next: point the client at them/m);
    expect(said).not.toMatch(/reload/);
  });
});

test('of a person with a role: no server reads it', async () => {
  const said = await text('issue', '--client', 'ann', '--role', 'operator');
  expect(said).toMatch(/^next: hand them over; a browser takes what cluster-ca export NAME --format p12/m);
  expect(said).toMatch(/^ +user +curl +--cert +--key +--cacert$/m);
  expect(said).not.toMatch(/redis|etcd|libpq/);
});

describe('export and crl', () => {
  const data = ['export', 'redis-1', '--plane', 'data', '--from', '.'];

  test.each<[string, string[], RegExp]>([
    ['crl --out', ['crl', '--out', 'f'], /ssl_crl_file \(PostgreSQL\), crl-file \(HAProxy\), ssl_crl \(nginx\)/],
    ['crl --authority', ['crl', '--authority', 'issuing-g1.1', '--out', 'f'], /--client-crl-file/],
    ['export crl', ['export', '--format', 'crl', '--out', 'f'], /Redis and Valkey read no CRL/],
    ['a bundle', ['export', '--format', 'bundle', '--out', 'f'], /trust anchors/],
    ['a chain', ['export', 'redis-1', '--plane', 'data', '--out', 'f'], /servers send it/],
    ['chain and key', [...data, '--out', 'f'], /private key\nnext: .*crt of HAProxy/],
    ['a Secret', [...data, '--format', 'k8s-secret', '--out', 'f'], /kubectl apply -f \S+\/f, then remove/],
  ])('%s', async (_, args, said) => {
    expect(await text(...args)).toMatch(said);
  });

  test('PKCS#12', async () => {
    await writeFile(join(out, 'password'), 'correct horse battery staple', { mode: 0o600 });
    const said = await text(...data, '--format', 'p12', '--out', 'f.p12', '--export-password-file', 'password');
    expect(said).toMatch(/javax\.net\.ssl\.keyStore/);
  });
});

test('init: the next commands find the keystore and open it, as they stand there', async () => {
  const place = join(directory, 'a place');
  const said = await text('init', 'shop', '--keystore', place, '--key-file', 'shop.key');
  const [command = ''] = said.match(/^ {2}cluster-ca issue NODE .*$/m) ?? [];
  expect(command).toContain(`--keystore '${place}' --key-file shop.key`);
  const typed = command.replace('cluster-ca', '').replace('NODE', 'n1').replace('DIR', 'tls');
  const { code } = await run('sh', ['-c', `node "$0" ${typed}`, CLUSTER_CA], {
    cwd: out,
    env: { HOME: directory, XDG_STATE_HOME: directory },
  });
  expect(code).toBe(0);
});

describe('what only a key file opens', () => {
  const { CLUSTER_CA_KEY_FILE: _, ...secretless } = env;
  const rotate = ['rotate', 'redis-1'];

  test('wants that: 2', async () => {
    const { hint } = await fails(
      (args, more) => warmCli(args, { ...more, cwd: out, env: secretless }),
      rotate,
      'ERR_INPUT_REQUIRED',
    );
    expect(hint).toMatch(/--key-file PATH/);
  });

  (hasTerminal ? test : test.skip)('asks for no passphrase, which would not open it', async () => {
    const { code, screen } = await onTerminal(rotate, { cwd: out, env: secretless });
    expect([code, screen]).toEqual([2, expect.stringMatching(/no key file of orders[\s\S]*--key-file PATH/)]);
  });
});

(hasTerminal ? test : test.skip)('list on a terminal: what the marks of a lifetime mean', async () => {
  const { screen } = await onTerminal(['list', '--no-color'], { cwd: out, env });
  expect(screen).toMatch(/LIFETIME {2}● now {2}◇ due/);
});

test.each([
  ['a name', ['nobody']],
  ['a status', ['--status', 'superseded']],
  ['a time', ['--expiring', '1d']],
])('list of nothing, by %s, does not say that there is nothing', async (_, args) => {
  expect(await text('list', ...args)).toMatch(/cluster-ca list --all/);
});

test('a new slot: what it opens, and that backups do not have it', async () => {
  const said = await text('keystore', 'slot', 'add', 'laptop', '--new-key-file', 'laptop.key');
  expect(said).toMatch(/added laptop, which opens the daily domain\nnext: cluster-ca keystore backup --out FILE/);
});

test('revoke of what is revoked says so', async () => {
  await text('revoke', 'redis-1', '--yes');
  expect(await text('revoke', 'redis-1', '--yes')).toMatch(/nothing to do: .*revoked already/);
});
