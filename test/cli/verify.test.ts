import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails, verdict, words } from './checks.ts';
import { clock } from './clock.ts';
import type { IssueDocument, VerifyDocument } from './documents.ts';
import { certificates, fingerprintOf, readPair } from './x509.ts';

// Against the keystore's anchors. With --trust: verify-trust.test.ts.
const cluster = await newCluster();
const other = await newCluster({ name: 'other' });
const { ca, out } = cluster;

const [n1] = (await done<IssueDocument>(ca, ['issue', 'n1', '--plane', 'data', '--ip', '10.0.0.1'])).certificates;
await done(ca, ['issue', 'revoked', '--plane', 'data']);
await done(ca, ['revoke', 'revoked', '--yes', '--reason', 'keyCompromise']);
await done(ca, ['issue', '--client', 'app']);
await done(other.ca, ['issue', 'n1', '--plane', 'data']);
const pair = await readPair(join(out, 'n1/data'));
const FILE = './n1/data/cert.pem';

const valid = (...args: string[]) => done<VerifyDocument>(ca, ['verify', ...args]);

/** A refusal: exit 5 with both documents, and findings that name a rule. */
async function invalid(...args: string[]): Promise<VerifyDocument['failures']> {
  const found = await verdict<VerifyDocument>(ca, ['verify', ...args], 'ERR_PATH');
  expect(found.valid).toBe(false);
  expect(found.failures.length).toBeGreaterThan(0);
  for (const failure of found.failures)
    expect(failure).toMatchObject({
      code: expect.stringMatching(/\S/),
      rule: expect.stringMatching(/^RFC \d+ §/),
      message: expect.stringMatching(/\S/),
    });
  return found.failures;
}

describe('valid: exit 0', () => {
  test('a file: the path from the certificate to the anchor', async () => {
    const verified = await valid(FILE);
    const root = cluster.made.authorities.find(({ role }) => role === 'root');
    const issuing = cluster.made.authorities.find(({ role }) => role === 'issuing');
    expect(verified).toMatchObject({ valid: true, failures: [] });
    expect(verified).not.toHaveProperty('candidates');
    expect(verified.path).toEqual([
      { subject: 'CN=n1', fingerprint: fingerprintOf(pair.certificate) },
      { subject: issuing?.subject, fingerprint: issuing?.fingerprint },
      { subject: root?.subject, fingerprint: root?.fingerprint },
    ]);
  });

  test('without --name the output says that no name was checked', async () => {
    expect((await valid(FILE)).warnings?.join()).toMatch(/no name/);
    const text = await ca(['verify', FILE]);
    expectExit(text, 0);
    expect(text.stdout + text.stderr).toMatch(/no name/);
    expect((await valid(FILE, '--name', 'n1.orders.internal')).warnings?.join() ?? '').not.toMatch(/no name/);
  });

  test('a NODE, with its recorded names and for both purposes', async () => {
    expect((await valid('n1')).path[0]?.fingerprint).toBe(n1?.fingerprint);
    expect((await valid('node:n1', '--plane', 'data')).valid).toBe(true);
  });

  test('a serial', async () => {
    expect((await valid(n1?.serial ?? '')).valid).toBe(true);
  });

  test('DER, and a certificate without its chain', async () => {
    await writeFile(join(out, 'one.der'), pair.certificate.raw);
    expect((await valid('./one.der')).path).toHaveLength(3);
  });

  test('the issuing CA itself', async () => {
    await writeFile(join(out, 'issuing.pem'), pair.chain[1]?.toString() ?? '');
    expect((await valid('./issuing.pem')).path).toHaveLength(2);
  });
});

describe('--name matches or does not; it is never a usage error', () => {
  test.each(['n1.orders.internal', 'N1.Orders.Internal', '10.0.0.1', 'spiffe://orders.internal/node/n1/data'])(
    '%s does',
    async (name) => {
      expect((await valid(FILE, '--name', name)).valid).toBe(true);
    },
  );

  test.each([
    'n2.orders.internal',
    'n1',
    'orders.internal',
    '10.0.0.2',
    '::1',
    'spiffe://orders.internal/node/n2/data',
    'a@b.c',
    'not a name!',
    '*',
    '..',
  ])('%s does not: 5', async (name) => {
    await invalid(FILE, '--name', name);
  });
});

describe('--purpose', () => {
  test.each(['server', 'client', 'any', '1.3.6.1.5.5.7.3.1'])('%s is in a node’s certificate', async (purpose) => {
    expect((await valid(FILE, '--purpose', purpose)).valid).toBe(true);
  });

  test('a client’s certificate is for clients', async () => {
    expect((await valid('./clients/app/cert.pem', '--purpose', 'client')).valid).toBe(true);
    expect((await valid('./clients/app/cert.pem')).valid).toBe(true);
    await invalid('./clients/app/cert.pem', '--purpose', 'server');
    await invalid('./clients/app/cert.pem', '--purpose', '1.3.6.1.5.5.7.3.3');
  });

  test.each(['servers', '1.two', ''])('%j is none: 2', async (purpose) => {
    await fails(ca, ['verify', FILE, '--purpose', purpose], 2);
  });
});

describe('--at', () => {
  const day = 86_400_000;
  const iso = (ms: number): string => new Date(ms).toISOString();
  const from = Date.parse(n1?.notBefore ?? '');
  const to = Date.parse(n1?.notAfter ?? '');

  test.each([
    ['its first second', iso(from)],
    ['its last second', iso(to)],
    ['a bare date', iso(from + 3 * day).slice(0, 10)],
    ['+60d', '+60d'],
    ['an offset', iso(from + 2 * day).replace('Z', '+00:00')],
  ])('%s: valid', async (_, at) => {
    expect((await valid(FILE, '--at', at, '--no-crl')).valid).toBe(true);
  });

  test.each([
    ['a second before', iso(from - 1000)],
    ['a second after', iso(to + 1000)],
    ['+91d', '+91d'],
  ])('%s: 5', async (_, at) => {
    await invalid(FILE, '--at', at, '--no-crl');
  });

  test.each(['yesterday', '2026-02-30', '2026-01-01T00:00:00', '1700000000', '60d', ''])('%j: 2', async (at) => {
    await fails(ca, ['verify', FILE, '--at', at], 2);
  });

  test('the clock is the default', async () => {
    await verdict(ca, ['verify', FILE, '--no-crl'], 5, { env: clock('91d') });
  });
});

describe('revocation, from the log', () => {
  test('a revoked certificate: 5', async () => {
    const [failure] = await invalid('./revoked/data/cert.pem');
    expect(`${failure?.code} ${failure?.message}`).toMatch(/revoked/i);
    await invalid('revoked');
  });

  test('--no-crl skips it, and says so', async () => {
    const { valid: verdict, warnings } = await valid('./revoked/data/cert.pem', '--no-crl');
    expect(verdict).toBe(true);
    expect(warnings?.join()).toMatch(/revo|crl/i);
  });
});

describe('what does not validate: 5, with every finding', () => {
  test('another cluster’s certificate', async () => {
    await invalid(join(other.out, 'n1/data/cert.pem'));
  });

  test('another cluster’s certificate in text', async () => {
    const result = await ca(['verify', join(other.out, 'n1/data/cert.pem')]);
    expectExit(result, 5);
    expect(result.stdout).toMatch(/RFC 5280 §/);
    expect(result.stderr).toMatch(/^cluster-ca: error: /m);
  });

  test('a flipped bit of the signature', async () => {
    const der = Buffer.from(pair.certificate.raw);
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
    await writeFile(join(out, 'flipped.der'), der);
    await invalid('./flipped.der');
  });

  test('a flipped bit of the issuer in the file only costs that candidate', async () => {
    const [own, issuing] = certificates(await readFile(join(out, 'n1/data/cert.pem'), 'utf8'));
    const der = Buffer.from(issuing?.raw ?? []);
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
    const pem = `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replaceAll(/(.{64})/g, '$1\n')}\n-----END CERTIFICATE-----\n`;
    await writeFile(join(out, 'candidate.pem'), `${own}${pem}`);
    expect((await valid('./candidate.pem')).valid).toBe(true);
  });
});

describe('2 only for files that are no certificates', () => {
  test.each([
    ['absent', undefined],
    ['empty', ''],
    ['words', 'hello'],
    ['a PEM frame around nothing', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
    ['too big', Buffer.alloc(20 * 1024 * 1024, 0x30)],
  ])('%s', async (what, content) => {
    const file = join(out, `no-${what.replaceAll(' ', '-')}`);
    if (content !== undefined) await writeFile(file, content);
    expect(words(await fails(ca, ['verify', file], 2))).toContain(file);
  });

  test('a key', async () => {
    await fails(ca, ['verify', './n1/data/key.pem'], 2);
  });

  test('an unknown name: 6', async () => {
    await fails(ca, ['verify', 'nobody'], 6);
  });

  test.each([
    ['no WHAT', []],
    ['an inventory that does not exist', ['--inventory', './no-cluster.yaml']],
    ['a format without an inventory', [FILE, '--format', 'sarif']],
    ['a depth that is none', [FILE, '--max-depth', '-1']],
  ])('%s: 2', async (_, args) => {
    await fails(ca, ['verify', ...args], 2);
  });
});

test('--max-depth counts intermediates', async () => {
  expect((await valid(FILE, '--max-depth', '1')).valid).toBe(true);
  await invalid(FILE, '--max-depth', '0');
});

describe('--explain', () => {
  test('of a NODE: each certificate with its own paths, each rule with its section', async () => {
    await done(ca, ['issue', 'n1', '--plane', 'control', '--ip', '10.0.0.1']);
    const found = await valid('n1', '--explain');
    const { certificates: each } = found as unknown as {
      certificates: { plane: string; attempts: { checks: { rule: string; passed: boolean }[] }[] }[];
    };
    expect(each.map(({ plane }) => plane).toSorted()).toEqual(['control', 'data']);
    for (const { attempts } of each)
      for (const { rule, passed } of attempts[0]?.checks ?? [])
        expect([rule, passed]).toEqual([expect.stringMatching(/^RFC \d+/), true]);
    const text = await ca(['verify', 'n1', '--explain']);
    expectExit(text, 0);
    expect(text.stdout).toMatch(/n1\/control[\s\S]*name constraints +passed[\s\S]*revocation +passed/);
  });

  test('what fails is marked, and nothing else', async () => {
    const result = await ca(['verify', FILE, '--name', 'wrong.example', '--explain']);
    expectExit(result, 5);
    expect(result.stdout.match(/failed: [a-z-]+/g)).toEqual(['failed: name-mismatch']);
  });
});
