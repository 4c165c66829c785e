import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { RunOptions } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { done, fails, verdict } from './checks.ts';
import { clock } from './clock.ts';
import type { CrlDocument, VerifyDocument } from './documents.ts';
import { makeCertificate, openssl, readPair } from './x509.ts';

// With --trust no keystore is opened: the auditor has files, and nothing else.
const cluster = await newCluster();
const { ca, out, directory } = cluster;
const path = (name: string): string => join(directory, name);
const run = (args: string[], options: RunOptions = {}) =>
  warmCli(args, { cwd: directory, ...options, env: { HOME: '/nonexistent', ...options.env } });
const verify = (...args: string[]) => done<VerifyDocument>(run, ['verify', ...args]);
const refuse = (...args: string[]) => verdict<VerifyDocument>(run, ['verify', ...args], 5);

await done(ca, ['issue', 'n1', 'bad', '--plane', 'data']);
await done(ca, ['revoke', 'bad', '--yes']);
const { crls } = await done<CrlDocument>(ca, ['crl']);
const [leaf, bad] = [join(out, 'n1/data/cert.pem'), join(out, 'bad/data/cert.pem')];
const pair = await readPair(join(out, 'n1/data'));
await writeFile(path('root.pem'), await readFile(join(out, 'n1/data/ca.pem')));
await writeFile(path('issuing.pem'), pair.chain[1]?.toString() ?? '');
await writeFile(path('leaf.pem'), pair.certificate.toString());
await writeFile(path('issuing.crl'), crls[0]?.pem ?? '');
await writeFile(path('root.crl'), crls[1]?.pem ?? '');
await openssl(['x509', '-in', path('root.pem'), '-outform', 'DER', '-out', path('root.der')]);
await openssl(['crl', '-in', path('issuing.crl'), '-outform', 'DER', '-out', path('issuing.crl.der')]);

describe('--trust and --untrusted', () => {
  test('the chain of the file itself', async () => {
    expect((await verify(leaf, '--trust', 'root.pem')).path).toHaveLength(3);
    expect((await verify(leaf, '--trust', 'root.der')).path).toHaveLength(3);
  });

  test('intermediates by --untrusted', async () => {
    await refuse('./leaf.pem', '--trust', 'root.pem');
    expect((await verify('./leaf.pem', '--trust', 'root.pem', '--untrusted', 'issuing.pem')).path).toHaveLength(3);
  });

  test('every certificate of --trust is an anchor, self-signed or not', async () => {
    expect((await verify('./leaf.pem', '--trust', 'issuing.pem')).path).toHaveLength(2);
  });

  test('what is in the file is a candidate, never an anchor', async () => {
    await makeCertificate(path('stranger'));
    await writeFile(path('bundle.pem'), (await readFile(leaf, 'utf8')) + (await readFile(path('root.pem'), 'utf8')));
    await refuse('./bundle.pem', '--trust', 'stranger.pem');
  });

  test('--trust repeats', async () => {
    expect((await verify(leaf, '--trust', 'stranger.pem', '--trust', 'root.pem')).valid).toBe(true);
  });

  test.each([
    ['absent', ['--trust', 'absent.pem']],
    ['no certificate', ['--trust', 'issuing.crl']],
    ['no CRL', ['--trust', 'root.pem', '--crl', 'root.pem']],
    ['without a value', ['--trust']],
  ])('a file that is %s: 2', async (_, args) => {
    await fails(run, ['verify', leaf, ...args], 2);
  });
});

describe('--crl means hard fail', () => {
  const both = ['--crl', 'issuing.crl', '--crl', 'root.crl'];

  test('with one of each CA: the good is valid, the revoked is not', async () => {
    expect((await verify(leaf, '--trust', 'root.pem', ...both)).valid).toBe(true);
    const { failures } = await refuse(bad, '--trust', 'root.pem', ...both);
    expect(failures.map(({ code, message }) => `${code} ${message}`).join()).toMatch(/revoked/i);
  });

  test('DER and bundles', async () => {
    await writeFile(path('both.crl'), crls.map(({ pem }) => pem).join(''));
    expect((await verify(leaf, '--trust', 'root.pem', '--crl', 'both.crl')).valid).toBe(true);
    const der = ['--crl', 'issuing.crl.der', '--crl', 'root.crl'];
    expect((await verify(leaf, '--trust', 'root.pem', ...der)).valid).toBe(true);
  });

  test('one CA without one: 5', async () => {
    await refuse(leaf, '--trust', 'root.pem', '--crl', 'issuing.crl');
    await refuse(leaf, '--trust', 'root.pem', '--crl', 'root.crl');
  });

  test('an anchor’s own revocation is not asked for', async () => {
    expect((await verify('./leaf.pem', '--trust', 'issuing.pem', '--crl', 'issuing.crl')).valid).toBe(true);
  });

  test('one that is not current any more: 5', async () => {
    const args = ['verify', leaf, '--trust', 'root.pem', ...both, '--json'];
    expect((await run(args, { env: clock('35d') })).code).toBe(5);
    expect((await run([...args, '--at', new Date().toISOString()], { env: clock('35d') })).code).toBe(0);
  });

  test('a forged one does not count: 5', async () => {
    const text = await openssl(['crl', '-in', path('issuing.crl'), '-outform', 'DER', '-out', path('forged.der')]);
    expect(text).toBeDefined();
    const der = await readFile(path('forged.der'));
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
    await writeFile(path('forged.der'), der);
    await refuse(leaf, '--trust', 'root.pem', '--crl', 'forged.der', '--crl', 'root.crl');
  });
});

describe('what RFC 5280 §6.1 refuses, in a PKI made by openssl', () => {
  const CA = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
  const END = ['basicConstraints=critical,CA:FALSE', 'subjectAltName=DNS:www.example.com'];

  /** Makes root → intermediate → leaf, all as given, and verifies. */
  async function chain(name: string, intermediate: string[], end = END, flags: string[] = []) {
    await makeCertificate(path(`${name}-root`), { subject: `/CN=${name} root`, extensions: CA });
    const root = path(`${name}-root`);
    await makeCertificate(path(`${name}-ca`), { subject: `/CN=${name} ca`, extensions: intermediate, issuer: root });
    await makeCertificate(path(`${name}-end`), { subject: '/CN=end', extensions: end, issuer: path(`${name}-ca`) });
    const args = ['verify', `./${name}-end.pem`, '--trust', `${name}-root.pem`, '--untrusted', `${name}-ca.pem`];
    return run([...args, ...flags, '--json']);
  }

  test('the chain that is right', async () => {
    expect(await chain('right', CA, END, ['--name', 'www.example.com'])).toMatchObject({ code: 0 });
  });

  test.each([
    ['an intermediate that is no CA', 'noca', ['basicConstraints=critical,CA:FALSE'], END, []],
    ['one without keyCertSign', 'nosign', ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign'], END, []],
    ['a name outside the constraints', 'nc', [...CA, 'nameConstraints=critical,permitted;DNS:example.org'], END, []],
    ['an excluded name', 'ex', [...CA, 'nameConstraints=critical,excluded;DNS:example.com'], END, []],
    ['an unknown critical extension', 'crit', CA, [...END, '1.3.6.1.4.1.99999.1=critical,ASN1:NULL'], []],
    ['an EKU for something else', 'eku', CA, [...END, 'extendedKeyUsage=codeSigning'], ['--purpose', 'server']],
  ])('%s', async (_, name, intermediate, end, flags) => {
    const result = await chain(name, intermediate, end, flags);
    expect([result.code, result.stderr === '']).toEqual([5, false]);
    expect(result.json()).toMatchObject({ valid: false, schemaVersion: 1 });
  });

  test('a path longer than pathlen allows', async () => {
    await makeCertificate(path('pl-root'), { subject: '/CN=pl root', extensions: CA });
    const zero = ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign'];
    await makeCertificate(path('pl-1'), { subject: '/CN=pl 1', extensions: zero, issuer: path('pl-root') });
    await makeCertificate(path('pl-2'), { subject: '/CN=pl 2', extensions: CA, issuer: path('pl-1') });
    await makeCertificate(path('pl-end'), { subject: '/CN=end', extensions: END, issuer: path('pl-2') });
    const untrusted = ['--untrusted', 'pl-1.pem', '--untrusted', 'pl-2.pem'];
    await refuse('./pl-end.pem', '--trust', 'pl-root.pem', ...untrusted);
    expect((await verify('./pl-end.pem', '--trust', 'pl-2.pem')).valid).toBe(true);
  });
});
