import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { done, expectExit, fails, words } from '../cli/checks.ts';
import { run } from '../support/cli.ts';
import type { InitDocument } from '../support/clusters.ts';
import { CA, newCompany } from './company.ts';

// init --external-root: a company's PKI, which is openssl here, signs the issuing CA.
const company = await newCompany('external', 'P-384');
const { ca, directory, openssl, path } = company;

/** What the company's CA makes of the request: a file with the certificate and the root behind it. */
async function signed(name: string, options: string[] | string, root = 'root', csr = 'issuing.csr'): Promise<string> {
  const more = typeof options === 'string' ? ['-extfile', `${name}.cnf`] : options;
  if (typeof options === 'string') await writeFile(path(`${name}.cnf`), options);
  await company.sign(csr, root, `${name}.crt`, ...more);
  await writeFile(path(name), await company.text(`${name}.crt`, `${root}.pem`));
  return name;
}

const complete = (file: string, ...more: string[]) => ['init', 'orders', '--issuing-cert', file, ...more];
let whole: string;

beforeAll(async () => {
  await company.newRoot('root');
  await company.newRoot('other');
  await done(ca, ['init', 'orders', '--external-root']);
  whole = await signed('whole', ['-copy_extensions', 'copyall']);
});

describe('the request', () => {
  test('has the constraints as requested extensions, and is signed by its key', async () => {
    const { stdout, stderr } = await openssl('req', '-in', 'issuing.csr', '-noout', '-text', '-verify');
    expect(stdout + stderr).toMatch(/verify OK/i);
    for (const part of [
      'CA:TRUE, pathlen:0',
      'Certificate Sign, CRL Sign',
      'DNS:orders.internal',
      'IP:10.0.0.0/255.0.0.0',
    ])
      expect(stdout).toContain(part);
  });

  test('no keystore is there yet, and the key is sealed beside its place', async () => {
    expect(await readdir(directory)).not.toContain('keystore');
    const pending = await readFile(path('keystore.pending'), 'utf8');
    expect(pending).not.toMatch(/PRIVATE/);
    await fails(ca, ['list'], 'ERR_KEYSTORE_ABSENT');
  });

  test('is written again where it was lost; with another policy: 6', async () => {
    const before = await readFile(path('issuing.csr'), 'utf8');
    await rm(path('issuing.csr'));
    await done(ca, ['init', 'orders', '--external-root']);
    expect(await readFile(path('issuing.csr'), 'utf8')).toBe(before);
    await fails(ca, ['init', 'orders', '--external-root', '--domain', 'other.internal'], 'ERR_EXISTS');
  });

  test('what is said of a root of ours, and both steps at once: 2', async () => {
    await fails(ca, ['init', 'x', '--external-root', '--root-keystore', 'medium'], 'ERR_USAGE');
    await fails(ca, ['init', 'x', '--external-root', '--root-passphrase-file', 'p'], 'ERR_USAGE');
    await fails(ca, ['init', 'x', '--external-root', '--issuing-cert', whole], 'ERR_USAGE');
  });
});

describe('the answer', () => {
  const missing = async (name: string, config: string): Promise<string[]> =>
    (await done<{ leftOut: string[] }>(ca, complete(await signed(name, config), '--dry-run'))).leftOut;

  test('what was left out, or is otherwise, is reported', async () => {
    expect((await done<{ leftOut: string[] }>(ca, complete(whole, '--dry-run'))).leftOut).toEqual([]);
    expect((await missing('bare', CA)).join()).toMatch(/no path length.*no name constraints/);
    const other =
      'nameConstraints=permitted;DNS:orders.internal,permitted;DNS:more.internal\nextendedKeyUsage=serverAuth\n';
    const { stdout } = await ca(complete(whole, '--dry-run'));
    expect(stdout).toMatch(/root CA +CN=root,O=Company \(ecdsa-p384, until \d{4}-\d\d-\d\d\)/);
    const longer = 'nameConstraints=critical,permitted;DNS:orders.internal,permitted;IP:10.0.0.0/255.0.0.0\n';
    const widened = (await missing('longer', CA.replace('CA:TRUE', 'CA:TRUE,pathlen:3') + longer)).join();
    expect(widened).toMatch(/a path length of 3, not 0: .*IP:172\.16\.0\.0\/12 is not permitted/);
    const said = (await missing('otherwise', CA + other)).join();
    expect(said).toMatch(/extended key usage/);
    expect(said).toMatch(/not critical/);
    expect(said).toMatch(/localhost is not permitted.*more\.internal is permitted besides/);
  });

  test('what this CA could not work with: 5', async () => {
    const refused = async (file: string): Promise<string> => words(await fails(ca, complete(file), 'ERR_POLICY'));
    expect(
      await refused(await signed('leaf', 'basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\n')),
    ).toContain('not that of a CA');
    expect(await refused(await signed('no-crl', CA.replace(',cRLSign', '')))).toContain('CRLs');
    await openssl(
      'req',
      '-new',
      ...company.newKey,
      '-keyout',
      'stranger.key',
      '-out',
      'stranger.csr',
      '-subj',
      '/CN=stranger',
    );
    expect(await refused(await signed('foreign', CA, 'root', 'stranger.csr'))).toContain('another key');
    await writeFile(
      path('forged'),
      (await readFile(path('whole.crt'), 'utf8')) + (await readFile(path('other.pem'), 'utf8')),
    );
    await fails(ca, complete('forged'), 'ERR_CONFIG');
    await fails(ca, complete('whole.crt'), 'ERR_CONFIG');
    await fails(ca, complete('/nonexistent'), 'ERR_CONFIG');
  });

  test('another secret than the request’s: 12; no request: 6', async () => {
    await done(ca, ['init', 'aside', '--keystore', path('aside'), '--key-file', path('aside.key')]);
    await fails(ca, complete(whole, '--key-file', path('aside.key')), 'ERR_PASSPHRASE');
    await fails(ca, complete(whole, '--keystore', path('nothing')), 'ERR_STATE');
  });
});

describe('the keystore', () => {
  let made: InitDocument;
  beforeAll(async () => {
    made = await done<InitDocument>(ca, complete(whole));
    await done(ca, ['issue', 'n1', 'n2', '--out', path('out')]);
  });

  test('the company’s root is its root; nothing waits any more', async () => {
    expect(made.authorities.map(({ role, subject }) => [role, subject.includes('root')])).toEqual([
      ['root', true],
      ['issuing', false],
    ]);
    expect(await readdir(directory)).not.toContain('keystore.pending');
    expect(await readFile(path('out/n1/data/ca.pem'), 'utf8')).toBe(await readFile(path('root.pem'), 'utf8'));
  });

  test('openssl validates what it issues to the company’s root, and refuses what it revoked', async () => {
    const cert = (name: string): string => path(`out/${name}/data/cert.pem`);
    await openssl(
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-CAfile',
      'root.pem',
      '-untrusted',
      cert('n1'),
      cert('n1'),
    );
    await done(ca, ['revoke', 'n2', '--yes']);
    await done(ca, ['crl', '--out', path('crl.pem')]);
    const args = [
      'verify',
      '-crl_check',
      '-CRLfile',
      'crl.pem',
      '-CAfile',
      'root.pem',
      '-untrusted',
      cert('n2'),
      cert('n2'),
    ];
    expect((await run('openssl', args, { cwd: directory })).stderr).toContain('certificate revoked');
    await done(ca, ['verify', 'n1']);
  });

  test('its log is vouched for by the company’s root, and a proof from it too', async () => {
    await done(ca, ['audit', 'verify', '--trust', path('root.pem')]);
    expectExit(await ca(['audit', 'verify', '--trust', path('other.pem')]), 13);
    await writeFile(path('checkpoint'), (await ca(['audit', 'checkpoint'])).stdout);
    await done(ca, [
      'audit',
      'prove',
      path('out/n1/data/cert.pem'),
      '--checkpoint',
      path('checkpoint'),
      '--out',
      path('proof'),
    ]);
    await done(ca, ['audit', 'verify', '--proof', path('proof'), '--trust', path('root.pem')]);
  });

  test('check, backup, restore and new master keys; what only a root signs says whose it is', async () => {
    await done(ca, ['keystore', 'check']);
    await done(ca, ['keystore', 'backup', '--out', path('backup')]);
    const machine = { env: { XDG_STATE_HOME: await mkdtemp(path('machine-')) } };
    await done(ca, ['keystore', 'restore', path('backup'), '--keystore', path('restored')], machine);
    await done(ca, ['keystore', 'rewrap', '--confirm', 'orders', '--keystore', path('restored')], machine);
    await done(ca, ['issue', 'n3', '--keystore', path('restored'), '--out', path('r-out')], machine);
    const error = await fails(ca, ['crl', '--renew', '--authority', 'root-g1'], 'ERR_STATE');
    expect(error.message).toContain('another PKI');
  });
});
