import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails, words } from './checks.ts';
import { makeRequest, openssl, readPair } from './x509.ts';

const cluster = await newCluster();
const { ca, out } = cluster;
const file = (name: string): string => join(out, name);

await done(ca, ['issue', 'n1']);
await done(ca, ['issue', '--client', 'app_rw']);
await done(ca, ['crl', '--out', file('crl.pem')]);
const pair = await readPair(file('n1/data'));
await writeFile(file('one.pem'), pair.certificate.toString());
await writeFile(file('one.der'), pair.certificate.raw);
await makeRequest(file('csr'), { extensions: ['subjectAltName=DNS:asked.orders.internal'] });
await openssl(['req', '-in', file('csr.pem'), '-outform', 'DER', '-out', file('csr.der')]);
await openssl(['crl', '-in', file('crl.pem'), '-outform', 'DER', '-out', file('crl.der')]);
await openssl(['ec', '-in', file('n1/data/key.pem'), '-out', file('sec1.key')]);
await openssl(['pkcs8', '-topk8', '-in', file('n1/data/key.pem'), '-passout', 'pass:secret', '-out', file('enc.key')]);

describe('inspect tells what a thing is, and what stands in it', () => {
  const issuing = cluster.made.authorities.find(({ role }) => role === 'issuing');

  test.each([
    ['a certificate', './one.pem', 'certificate', [pair.serial]],
    ['a certificate in DER', './one.der', 'certificate', [pair.serial]],
    ['a chain', './n1/data/cert.pem', 'chain', [pair.serial, issuing?.serial]],
    ['the trust bundle', './n1/data/ca.pem', 'certificate', ['CN=orders Root CA G1']],
    ['a CSR', './csr.pem', 'csr', ['asked.orders.internal']],
    ['a CSR in DER', './csr.der', 'csr', ['asked.orders.internal']],
    ['a CRL in DER', './crl.der', 'crl', [issuing?.subject]],
    ['a key in PKCS#8', './n1/data/key.pem', 'private-key', ['ecdsa-p256']],
    ['a key in SEC 1', './sec1.key', 'private-key', ['ecdsa-p256']],
    ['a keystore', `${cluster.keystore}/`, 'keystore', ['orders', cluster.made.keystoreId]],
    ['a keystore by file:', `file:${cluster.keystore}`, 'keystore', ['orders']],
    ['a node', 'n1', 'node', [pair.serial]],
    ['a node by node:', 'node:n1', 'node', [pair.serial]],
  ])('%s', async (_, what, kind, contains) => {
    const inspected = await done<{ kind: string }>(ca, ['inspect', what]);
    expect(inspected.kind).toBe(kind);
    for (const text of contains) expect(JSON.stringify(inspected)).toContain(text);
    const result = await ca(['inspect', what]);
    expectExit(result, 0);
    expect(result.stdout).not.toBe('');
  });

  test('a serial', async () => {
    expect(JSON.stringify(await done(ca, ['inspect', pair.serial.toUpperCase()]))).toContain(pair.serial);
  });

  test('a client by its name', async () => {
    expect(JSON.stringify(await done(ca, ['inspect', 'app_rw']))).toContain('spiffe://orders.internal/client/app_rw');
  });

  test('names and times of a certificate, in text', async () => {
    const { stdout } = await ca(['inspect', './one.pem']);
    for (const text of ['n1.orders.internal', 'spiffe://orders.internal/node/n1/data', issuing?.subject ?? ''])
      expect(stdout).toContain(text);
    expect(stdout.replaceAll(':', '').toLowerCase()).toContain(pair.serial);
  });

  test('--pem gives it back', async () => {
    const result = await ca(['inspect', './one.der', '--pem']);
    expectExit(result, 0);
    expect(result.stdout).toContain(pair.certificate.toString().trim());
  });
});

describe('a key’s bytes are never shown', () => {
  test.each(['n1/data/key.pem', 'sec1.key', 'enc.key'])('%s', async (name) => {
    const body = (await readFile(file(name), 'utf8'))
      .split('\n')
      .filter((line) => line.length >= 40 && !/^-/.test(line));
    for (const flags of [[], ['--json'], ['--pem'], ['--debug'], ['--pem', '--json']]) {
      const result = await ca(['inspect', `./${name}`, ...flags]);
      for (const line of body) expect(result.stdout + result.stderr).not.toContain(line);
      expect(result.stdout + result.stderr).not.toContain('BEGIN PRIVATE KEY');
      expect(result.stdout + result.stderr).not.toContain('BEGIN EC PRIVATE KEY');
    }
  });
});

describe('inspect A B: what differs', () => {
  test('two certificates', async () => {
    const result = await ca(['inspect', './n1/data/cert.pem', './n1/control/cert.pem']);
    expectExit(result, 0);
    expect(result.stdout.replaceAll(':', '').toLowerCase()).toContain(pair.serial);
    expect(result.stdout).toContain('spiffe://orders.internal/node/n1/control');
  });

  test('--json', async () => {
    const different = await done(ca, ['inspect', './n1/data/cert.pem', './n1/control/cert.pem']);
    expect(JSON.stringify(different)).toContain(pair.serial);
  });
});

describe('what it cannot read', () => {
  test.each([
    ['a name that is not known', 'nobody', 6],
    ['a serial that is not known', '4a'.repeat(20), 6],
    ['a file that is absent', './absent.pem', 2],
    ['an empty file', './empty', 2],
    ['words', './words', 2],
    ['a PEM frame around nothing', './frame', 2],
    ['too big a file', './big', 2],
    ['a directory with nothing in it', './nothing/', undefined],
  ])('%s', async (_, what, exit) => {
    await writeFile(file('empty'), '');
    await writeFile(file('words'), 'hello\n');
    await writeFile(file('frame'), '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n');
    await mkdir(file('nothing'), { recursive: true });
    await writeFile(file('big'), Buffer.alloc(20 * 1024 * 1024, 0x30));
    if (exit !== undefined) {
      expect(words(await fails(ca, ['inspect', what], exit))).toContain(what.replace('./', ''));
      return;
    }
    const result = await ca(['inspect', what, '--json']);
    expect([2, 10]).toContain(result.code);
    expect(result.stdout).toBe('');
  });

  test('no WHAT: 2', async () => {
    await fails(ca, ['inspect'], 2);
  });

  test('two readings: 2, naming both', async () => {
    const cwd = await cluster.dir('readings');
    await writeFile(join(cwd, 'n1'), pair.certificate.toString());
    const said = words(await fails(ca, ['inspect', 'n1'], 2, { cwd }));
    expect(said).toContain('file:n1');
    expect(said).toContain('node:n1');
  });

  test('a file needs no keystore', async () => {
    await done(ca, ['inspect', './one.pem'], { env: { CLUSTER_CA_KEYSTORE: '/nonexistent/keystore' } });
  });
});
