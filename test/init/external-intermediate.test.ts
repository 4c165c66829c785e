import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { document, done, expectExit, fails, words } from '../cli/checks.ts';
import { run } from '../support/cli.ts';
import type { InitDocument } from '../support/clusters.ts';
import { CA, newCompany } from './company.ts';

// A company's PKI of two levels, which is openssl here: root, intermediate CA, and below it our issuing CA.
const company = await newCompany('company', 'P-256');
const { ca, directory, newRoot, openssl, path, sign } = company;

async function newIntermediate(name: string, root: string): Promise<void> {
  await writeFile(path(`${name}.cnf`), `${CA}authorityKeyIdentifier=keyid\n`);
  await openssl(
    'req',
    '-new',
    ...company.newKey,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
    '-subj',
    `/O=Company/CN=${name}`,
  );
  await sign(`${name}.csr`, root, `${name}.pem`, '-extfile', `${name}.cnf`);
}

/** The CRL of a company's CA, of its database `<name>.db`. */
async function crlOf(name: string, days = '30', ...more: string[]): Promise<string> {
  await writeFile(path(`${name}.db`), '', { flag: 'a' });
  await writeFile(path(`${name}.crlnumber`), '1000\n', { flag: 'wx' }).catch(() => {});
  await writeFile(
    path(`${name}.ca`),
    `[ca]\ndefault_ca=d\n[d]\ndatabase=${name}.db\ncrlnumber=${name}.crlnumber\ndefault_md=sha256\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n`,
  );
  const key = ['-cert', `${name}.pem`, '-keyfile', `${name}.key`];
  await openssl('ca', '-gencrl', '-config', `${name}.ca`, ...key, '-crldays', days, '-out', `${name}.crl`, ...more);
  return path(`${name}.crl`);
}

const cat = async (out: string, ...files: string[]): Promise<string> => {
  await writeFile(path(out), await company.text(...files));
  return out;
};
const certificates = async (file: string): Promise<number> =>
  (await readFile(path(file), 'utf8')).match(/BEGIN CERTIFICATE/g)?.length ?? 0;
const everyLevel = (cert: string) =>
  run(
    'openssl',
    [
      'verify',
      '-x509_strict',
      '-crl_check_all',
      '-CRLfile',
      'crl.pem',
      '-CAfile',
      'root.pem',
      '-untrusted',
      cert,
      cert,
    ],
    { cwd: directory },
  );

let made: InitDocument;
beforeAll(async () => {
  await newRoot('root');
  await newIntermediate('between', 'root');
  await done(ca, ['init', 'orders', '--external-root']);
  await sign('issuing.csr', 'between', 'issuing.pem', '-copy_extensions', 'copyall');
  await fails(ca, ['init', 'orders', '--issuing-cert', await cat('short', 'issuing.pem', 'root.pem')], 'ERR_CONFIG');
  // In any order behind the first.
  const answer = await cat('answer', 'issuing.pem', 'root.pem', 'between.pem');
  const shown = await ca(['init', 'orders', '--issuing-cert', answer, '--dry-run']);
  expect(shown.stdout).toMatch(/issuing CA +CN=orders Issuing CA G1\.1/);
  made = await done<InitDocument>(ca, ['init', 'orders', '--issuing-cert', answer]);
  await done(ca, ['issue', 'n1', 'n2', '--plane', 'data', '--out', path('out')]);
});

test('the intermediate CA is served, and is no anchor', async () => {
  expect(made.authorities.map(({ id }) => id)).toEqual(['root-g1', 'intermediate-g1.1', 'issuing-g1.1']);
  expect(await certificates('out/n1/data/cert.pem')).toBe(3);
  expect(await readFile(path('out/n1/data/ca.pem'), 'utf8')).toBe(await readFile(path('root.pem'), 'utf8'));
  const cert = 'out/n1/data/cert.pem';
  await openssl('verify', '-x509_strict', '-CAfile', 'root.pem', '-untrusted', cert, cert);
  await done(ca, ['verify', 'n1']);
  await done(ca, ['verify', path(cert), '--trust', path('root.pem')]);
  // A whole fleet by one batch, and one archive, have the same chain.
  await done(ca, ['issue', ...Array.from({ length: 20 }, (_, i) => `m${i}`), '--plane', 'data', '--out', path('many')]);
  expect(await certificates('many/m7/data/cert.pem')).toBe(3);
  expect((await ca(['export', 'n1', '--plane', 'data', '--format', 'pem'])).stdout.match(/BEGIN CERT/g)).toHaveLength(
    3,
  );
  await done(ca, ['audit', 'verify', '--trust', path('root.pem')]);
  await done(ca, ['keystore', 'check']);
});

test('the company’s CRLs: with them there is one of every level, and openssl checks all', async () => {
  const without = await done<{ crls: { authority: string }[] }>(ca, ['crl', '--out', path('crl.pem')]);
  expect(without.crls.map(({ authority }) => authority)).toEqual(['issuing-g1.1']);
  expect((await everyLevel('out/n1/data/cert.pem')).stderr).toContain('unable to get certificate CRL');
  await crlOf('root');
  await crlOf('between');
  await done(ca, ['crl', '--accept', await cat('company.crl', 'root.crl', 'between.crl')]);
  expect((await done<{ recorded: boolean }>(ca, ['crl', '--accept', 'company.crl'])).recorded).toBe(false);
  const all = await done<{ crls: { authority: string }[] }>(ca, ['crl', '--out', path('crl.pem')]);
  expect(all.crls.map(({ authority }) => authority)).toEqual(['issuing-g1.1', 'intermediate-g1.1', 'root-g1']);
  expect((await everyLevel('out/n1/data/cert.pem')).stdout).toContain('OK');
  await done(ca, ['revoke', 'n2', '--yes']);
  await done(ca, ['crl', '--out', path('crl.pem')]);
  expect((await everyLevel('out/n2/data/cert.pem')).stderr).toContain('certificate revoked');
  await done(ca, ['keystore', 'check']);
  await done(ca, ['audit', 'verify']);
});

test('a CRL that is older, has ended, is of another CA, or is in pieces: refused; a short one is told of', async () => {
  const old = await readFile(path('between.crl'));
  await crlOf('between');
  await openssl('crl', '-in', 'between.crl', '-outform', 'DER', '-out', 'between.der');
  await done(ca, ['crl', '--accept', 'between.der']);
  await writeFile(path('old.crl'), old);
  await fails(ca, ['crl', '--accept', 'old.crl'], 'ERR_STATE');
  await newRoot('stranger');
  await crlOf('stranger');
  await fails(ca, ['crl', '--accept', 'stranger.crl'], 'ERR_POLICY');
  await fails(ca, ['crl', '--accept', path('keystore/public/crl.pem')], 'ERR_POLICY');
  await fails(ca, ['crl', '--accept', 'root.pem'], 'ERR_CONFIG');
  await crlOf('root', '30', '-crl_lastupdate', '20200101000000Z', '-crl_nextupdate', '20200201000000Z');
  expect(words(await fails(ca, ['crl', '--accept', 'root.crl'], 'ERR_POLICY'))).toContain('has ended');
  await crlOf(
    'root',
    '30',
    '-crl_lastupdate',
    '20260101000000Z',
    '-crl_nextupdate',
    new Date(Date.now() + 86_400_000).toISOString().replace(/[-:T]/g, '').replace(/\.\d+/, ''),
  );
  await done(ca, ['crl', '--accept', 'root.crl']);
  const status = await ca(['status', '--json']);
  expectExit(status, 4);
  const { alerts } = document<{ alerts: { subject: string; hint: string }[] }>(status);
  expect(alerts.find(({ subject }) => subject === 'root-g1')?.hint).toContain('crl --accept');
});

test('what needs a root of our own says what to do instead', async () => {
  const roots = await fails(ca, ['rollover', 'start', '--yes'], 'ERR_STATE');
  expect(roots.hint).toContain('--issuing');
  expect(roots.hint).toContain('--from-anchor');
  await fails(ca, ['rollover', 'start', '--request', 'x'], 'ERR_STATE');
  const crl = await fails(ca, ['crl', '--renew', '--authority', 'root-g1'], 'ERR_STATE');
  expect(crl.hint).toContain('crl --accept');
});

test('a new issuing CA: a request, and the certificate of another intermediate CA', async () => {
  await rm(path('issuing.csr'));
  const start = ['rollover', 'start', '--issuing'];
  await fails(ca, [...start, '--issuing-cert', 'answer', '--yes'], 'ERR_STATE');
  await done(ca, [...start, '--domain', 'more.internal', '--dry-run']);
  expect(await readdir(directory)).not.toContain('issuing.csr');
  await done(ca, [...start, '--domain', 'more.internal']);
  const csr = await readFile(path('issuing.csr'), 'utf8');
  await rm(path('issuing.csr'));
  await done(ca, [...start, '--domain', 'more.internal']);
  expect(await readFile(path('issuing.csr'), 'utf8')).toBe(csr);
  await fails(ca, [...start, '--domain', 'other.internal'], 'ERR_EXISTS');
  await newIntermediate('second', 'root');
  await sign('issuing.csr', 'second', 'issuing2.pem', '-copy_extensions', 'copyall');
  // Under a root that no node trusts, or with the request of before: not taken.
  await newRoot('root2');
  await newIntermediate('third', 'root2');
  await sign('issuing.csr', 'third', 'issuing3.pem', '-copy_extensions', 'copyall');
  const other = await cat('other', 'issuing3.pem', 'third.pem', 'root2.pem');
  expect((await fails(ca, [...start, '--issuing-cert', other, '--yes'], 'ERR_POLICY')).hint).toContain('--from-anchor');
  await fails(ca, [...start, '--issuing-cert', 'answer', '--yes'], 'ERR_POLICY');
  // The root is known, and need not be in the file.
  const answer = await cat('answer2', 'issuing2.pem', 'second.pem');
  const taken = await done<{ recorded: boolean; issuing: { id: string } }>(ca, [
    ...start,
    '--issuing-cert',
    answer,
    '--yes',
  ]);
  expect([taken.recorded, taken.issuing.id]).toEqual([true, 'issuing-g1.2']);
  expect(await readdir(directory)).not.toContain('keystore.pending');
  await done(ca, ['rotate', 'n1', '--out', path('out')]);
  await done(ca, ['issue', 'n3.more.internal', '--plane', 'data', '--out', path('out')]);
  await crlOf('root');
  await crlOf('second');
  await done(ca, ['crl', '--accept', await cat('company.crl', 'root.crl', 'second.crl')]);
  await done(ca, ['crl', '--out', path('crl.pem')]);
  for (const name of ['n1', 'n3.more.internal'])
    expect((await everyLevel(`out/${name}/data/cert.pem`)).stdout).toContain('OK');
  await done(ca, ['verify', 'n1']);
  await done(ca, ['audit', 'verify', '--trust', path('root.pem')]);
  await done(ca, ['keystore', 'check']);
  await done(ca, ['keystore', 'rewrap', '--confirm', 'orders']);
  await done(ca, ['keystore', 'backup', '--out', path('backup')]);
});

test('what the company revokes is revoked', async () => {
  const serial = (await openssl('x509', '-in', 'second.pem', '-noout', '-serial')).stdout.trim().split('=')[1];
  await writeFile(path('root.db'), `R\t361231000000Z\t260101000000Z\t${serial}\tunknown\t/O=Company/CN=second\n`);
  await crlOf('root');
  const { warnings } = await done(ca, ['crl', '--accept', 'root.crl']);
  expect(warnings?.join()).toContain('intermediate-g1.2 is revoked');
  expectExit(await ca(['verify', 'n1']), 5);
});
