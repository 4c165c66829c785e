import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails } from './checks.ts';
import { clock } from './clock.ts';
import type { CrlDocument, RevokeDocument } from './documents.ts';
import { files, tree } from './tree.ts';
import { openssl } from './x509.ts';

const cluster = await newCluster();
const { ca, out } = cluster;
const id = (role: string): string => cluster.made.authorities.find((found) => found.role === role)?.id ?? '';
const subject = (role: string): string => cluster.made.authorities.find((found) => found.role === role)?.subject ?? '';
const current = async (role: string): Promise<CrlDocument['crls'][number]> => {
  const { crls } = await done<CrlDocument>(ca, ['crl', '--authority', id(role)]);
  expect(crls).toHaveLength(1);
  return crls[0] as CrlDocument['crls'][number];
};
const number = async (role = 'issuing'): Promise<bigint> => BigInt((await current(role)).number);

await done(ca, ['issue', 'good', 'bad']);
const { crls: signed } = await done<RevokeDocument>(ca, ['revoke', 'bad', '--yes']);

describe('crl', () => {
  test('PEM on stdout, the issuing CA’s first and the root’s last', async () => {
    const result = await ca(['crl']);
    expectExit(result, 0);
    const blocks = result.stdout.match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----\n/g) ?? [];
    expect(blocks.join('')).toBe(result.stdout);
    const issuers = await Promise.all(blocks.map((block) => openssl(['crl', '-noout', '-issuer'], block)));
    expect(
      issuers.map((text) =>
        text
          .trim()
          .replace(/^issuer=/, '')
          .replaceAll(' = ', '='),
      ),
    ).toEqual([subject('issuing'), subject('root')]);
  });

  test('--json has the same, and revoke printed its number', async () => {
    const { crls } = await done<CrlDocument>(ca, ['crl']);
    expect(
      crls
        .map(({ pem }) => pem)
        .join('')
        .trim(),
    ).toBe((await ca(['crl'])).stdout.trim());
    expect(crls.map(({ authority }) => authority)).toEqual([id('issuing'), id('root')]);
    const { pem: _, ...first } = crls[0] as CrlDocument['crls'][number];
    expect(first).toEqual(signed[0]);
  });

  test('openssl reads what the document says', async () => {
    const { pem, number: said, thisUpdate, nextUpdate } = await current('issuing');
    const text = await openssl(['crl', '-noout', '-text', '-nameopt', 'RFC2253'], pem);
    expect(text).toMatch(/X509v3 CRL Number:/);
    expect(text).toMatch(/X509v3 Authority Key Identifier:/);
    expect(text).not.toMatch(/Issuing Distribution Point/);
    const shown = await openssl(['crl', '-noout', '-crlnumber', '-lastupdate', '-nextupdate'], pem);
    expect(BigInt(/crlNumber=(\w+)/.exec(shown)?.[1] ?? '0x0').toString()).toBe(said);
    expect(Date.parse(/lastUpdate=(.*)/.exec(shown)?.[1] ?? '')).toBe(Date.parse(thisUpdate));
    expect(Date.parse(/nextUpdate=(.*)/.exec(shown)?.[1] ?? '')).toBe(Date.parse(nextUpdate));
    expect(Date.parse(nextUpdate) - Date.parse(thisUpdate)).toBeGreaterThan(29 * 86_400_000);
  });

  test('its signatures verify', async () => {
    await writeFile(join(out, 'issuing.pem'), (await current('issuing')).pem);
    await writeFile(join(out, 'root.pem'), (await current('root')).pem);
    const chain = await readFile(join(out, 'good/data/cert.pem'), 'utf8');
    await writeFile(join(out, 'issuing-ca.pem'), chain.slice(chain.indexOf('-----BEGIN', 10)));
    const verify = (crl: string, by: string): Promise<string> => openssl(['crl', '-noout', '-in', crl, '-CAfile', by]);
    expect(await verify(join(out, 'issuing.pem'), join(out, 'issuing-ca.pem'))).toMatch(/verify OK/);
    expect(await verify(join(out, 'root.pem'), join(out, 'good/data/ca.pem'))).toMatch(/verify OK/);
  });

  test('openssl verify -crl_check_all with it refuses the revoked and accepts the others', async () => {
    const file = join(out, 'crl.pem');
    await done(ca, ['crl', '--out', file]);
    const verify = (node: string): Promise<string> =>
      openssl([
        ...['verify', '-x509_strict', '-crl_check_all', '-CRLfile', file, '-CAfile', join(out, node, 'data/ca.pem')],
        ...['-untrusted', join(out, node, 'data/cert.pem'), join(out, node, 'data/cert.pem')],
      ]);
    expect(await verify('good')).toMatch(/OK/);
    await expect(verify('bad')).rejects.toThrow(/certificate revoked/);
  });

  test('--out FILE writes what stdout would have', async () => {
    const file = join(out, 'written.pem');
    expectExit(await ca(['crl', '--out', file]), 0);
    expect(await readFile(file, 'utf8')).toBe((await ca(['crl'])).stdout);
    expect((await files(out)).filter((name) => name.includes('.cluster-ca.'))).toEqual([]);
  });

  test('--der with --authority is DER', async () => {
    const file = join(out, 'root.der');
    expectExit(await ca(['crl', '--authority', id('root'), '--der', '--out', file]), 0);
    expect(await openssl(['crl', '-inform', 'DER', '-in', file, '-noout', '-issuer'])).toContain('Root CA G1');
  });

  test('--der without --authority: 2', async () => {
    await fails(ca, ['crl', '--der'], 2);
  });

  test('an authority that is not known: 6', async () => {
    await fails(ca, ['crl', '--authority', 'nobody'], 6);
  });

  test('public/crl.pem is the same', async () => {
    expect(await readFile(join(cluster.keystore, 'public/crl.pem'), 'utf8')).toBe((await ca(['crl'])).stdout);
  });

  test('needs no secret and writes nothing', async () => {
    const before = await tree(cluster.directory);
    expectExit(await ca(['crl'], { env: { CLUSTER_CA_KEY_FILE: '/nonexistent/key' } }), 0);
    expect(await tree(cluster.directory)).toEqual(before);
  });
});

describe('crl --renew', () => {
  test('signs the issuing CA’s anew: the number grows, the entries stay', async () => {
    const before = { issuing: await number(), root: await number('root') };
    const { crls } = await done<CrlDocument>(ca, ['crl', '--renew']);
    expect(crls.map(({ authority }) => authority)).toContain(id('issuing'));
    expect(await number()).toBeGreaterThan(before.issuing);
    expect(await number('root')).toBe(before.root);
    const text = await openssl(['crl', '-noout', '-text'], (await current('issuing')).pem);
    expect(text.match(/Serial Number:/g)).toHaveLength(2);
  });

  test('--lifetime', async () => {
    await done(ca, ['crl', '--renew', '--lifetime', '7d']);
    const { thisUpdate, nextUpdate } = await current('issuing');
    const days = (Date.parse(nextUpdate) - Date.parse(thisUpdate)) / 86_400_000;
    expect(days).toBeGreaterThan(6.9);
    expect(days).toBeLessThan(7.1);
  });

  test('the root’s with --authority', async () => {
    const before = await number('root');
    await done(ca, ['crl', '--renew', '--authority', id('root')]);
    expect(await number('root')).toBeGreaterThan(before);
  });

  test('numbers are milliseconds since 1970 at least', async () => {
    expect(await number()).toBeGreaterThan(1_600_000_000_000n);
  });

  test('needs a secret: 2 without', async () => {
    await fails(
      (args, options) => ca(args, { ...options, env: { CLUSTER_CA_KEY_FILE: '/nonexistent' } }),
      ['crl', '--renew'],
      2,
    );
  });

  test('--dry-run: not a byte', async () => {
    const before = await tree(cluster.directory);
    expect(await done(ca, ['crl', '--renew', '--dry-run'])).toMatchObject({ dryRun: true });
    // The root's is signed anew only where it is named.
    expect((await ca(['crl', '--renew', '--dry-run'])).stdout).toBe('would sign new CRLs of issuing-g1.1\n');
    expect(await tree(cluster.directory)).toEqual(before);
  });

  test.each([
    ['a bad duration', ['--renew', '--lifetime', 'soon']],
    ['--lifetime without --renew', ['--lifetime', '7d']],
    ['a word', ['now']],
  ])('%s: 2', async (_, args) => {
    await fails(ca, ['crl', ...args], 2);
  });
});

test('what is past half its life is renewed by issue', async () => {
  await done(ca, ['crl', '--renew']);
  const before = await number();
  await done(ca, ['issue', 'early'], { env: clock('10d') });
  expect(await number()).toBe(before);
  await done(ca, ['issue', 'late'], { env: clock('16d') });
  expect(await number()).toBeGreaterThan(before);
});
