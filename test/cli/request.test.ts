import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { RunOptions } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { done, expectExit, fails } from './checks.ts';
import { files, tree } from './tree.ts';
import { openssl } from './x509.ts';

// On the node: no keystore, no secret, nothing but keys and requests.
const place = await newPlace('request');
const run = (args: string[], options: RunOptions = {}) =>
  warmCli(args, { cwd: place.directory, ...options, env: { ...place.env, ...options.env } });
const text = (file: string): Promise<string> => openssl(['req', '-in', file, '-noout', '-text', '-verify']);

describe('request NODE', () => {
  test('key.pem and request.pem for each plane', async () => {
    const out = await place.dir('a');
    const made = await done<{ files: string[] }>(run, ['request', 'n1', '--out', out]);
    const expected = ['control', 'data'].flatMap((plane) => [`n1/${plane}/key.pem`, `n1/${plane}/request.pem`]);
    expect(await files(out)).toEqual(expected);
    expect(made.files.slice().sort()).toEqual(expected.map((name) => join(out, name)));
    for (const plane of ['control', 'data'])
      expect((await lstat(join(out, 'n1', plane, 'key.pem'))).mode & 0o777).toBe(0o600);
  });

  test('self-signed by its key, without a name', async () => {
    const out = await place.dir('b');
    await done(run, ['request', 'n1', '--plane', 'data', '--out', out]);
    const said = await text(join(out, 'n1/data/request.pem'));
    expect(said).toMatch(/verify OK/i);
    expect(said).not.toContain('Subject Alternative Name');
    const ofKey = await openssl(['pkey', '-in', join(out, 'n1/data/key.pem'), '-pubout']);
    expect(await openssl(['req', '-in', join(out, 'n1/data/request.pem'), '-noout', '-pubkey'])).toBe(ofKey);
  });

  test('--dns and --ip', async () => {
    const out = await place.dir('c');
    const names = ['--dns', 'a.orders.internal', '--dns', 'b.orders.internal', '--ip', '10.0.0.1'];
    await done(run, ['request', 'n1', '--plane', 'data', ...names, '--out', out]);
    const said = await text(join(out, 'n1/data/request.pem'));
    for (const name of ['DNS:a.orders.internal', 'DNS:b.orders.internal', 'IP Address:10.0.0.1'])
      expect(said).toContain(name);
  });

  test.each([
    ['ecdsa-p256', /prime256v1/],
    ['ecdsa-p384', /secp384r1/],
    ['ed25519', /ED25519/],
    ['rsa-2048', /2048 bit/],
  ])('--key-type %s', async (type, expected) => {
    const out = await place.dir(`k-${type}`);
    await done(run, ['request', 'n1', '--plane', 'data', '--key-type', type, '--out', out]);
    expect(await text(join(out, 'n1/data/request.pem'))).toMatch(expected);
  });

  test('--plane of any name, once each', async () => {
    const out = await place.dir('d');
    await done(run, ['request', 'n1', '--plane', 'replication', '--out', out]);
    expect(await files(out)).toEqual(['n1/replication/key.pem', 'n1/replication/request.pem']);
  });

  test('the key never goes to stdout', async () => {
    const result = await run(['request', 'n1', '--out', await place.dir('e')]);
    expectExit(result, 0);
    expect(result.stdout + result.stderr).not.toContain('PRIVATE KEY');
    expect(result.stdout).toContain('request.pem');
  });

  test('again: a key that is there is not overwritten', async () => {
    const out = await place.dir('f');
    await done(run, ['request', 'n1', '--plane', 'data', '--out', out]);
    const key = await readFile(join(out, 'n1/data/key.pem'), 'utf8');
    const again = await run(['request', 'n1', '--plane', 'data', '--out', out]);
    expect([0, 6]).toContain(again.code);
    expect(await readFile(join(out, 'n1/data/key.pem'), 'utf8')).toBe(key);
  });

  test('--dry-run writes nothing', async () => {
    const before = await tree(place.directory);
    expect(await done(run, ['request', 'n9', '--dry-run'])).toMatchObject({ dryRun: true });
    expect(await tree(place.directory)).toEqual(before);
  });
});

test.each([
  ['no NODE', []],
  ['two', ['n1', 'n2']],
  ['an illegal NODE', ['N1']],
  ['an illegal plane', ['n1', '--plane', '../x']],
  ['an unknown key type', ['n1', '--key-type', 'rsa-1024']],
  ['an address that is none', ['n1', '--ip', 'localhost']],
])('%s: 2', async (_, args) => {
  await fails(run, ['request', ...args], 2);
});
