import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit } from './checks.ts';
import type { IssueDocument, ListDocument } from './documents.ts';
import { files } from './tree.ts';
import { certificates, certificateText, fingerprintOf, openssl, readPair } from './x509.ts';

const cluster = await newCluster();
const { ca, out } = cluster;
const seconds = (certificate: { notBefore: string; notAfter: string }): number =>
  (Date.parse(certificate.notAfter) - Date.parse(certificate.notBefore)) / 1000 + 1;

const issued = await done<IssueDocument>(ca, ['issue', 'redis-1']);

describe('issue NODE', () => {
  test('a certificate for each plane, in the three files of each', async () => {
    expect((await files(out)).filter((name) => name.startsWith('redis-1/'))).toEqual(
      ['control', 'data'].flatMap((plane) => ['ca', 'cert', 'key'].map((name) => `redis-1/${plane}/${name}.pem`)),
    );
    expect(issued.certificates.map((certificate) => certificate.plane).sort()).toEqual(['control', 'data']);
    expect([issued.unchanged, issued.failed]).toEqual([[], []]);
  });

  test.each(['control', 'data'])('%s: the object says what the certificate says', async (plane) => {
    const directory = join(out, 'redis-1', plane);
    const pair = await readPair(directory);
    const object = issued.certificates.find((certificate) => certificate.plane === plane);
    const issuing = cluster.made.authorities.find((authority) => authority.role === 'issuing');
    expect(object).toEqual({
      kind: 'node',
      node: 'redis-1',
      plane,
      profile: 'peer',
      serial: pair.serial,
      fingerprint: fingerprintOf(pair.certificate),
      subject: 'CN=redis-1',
      subjectAltNames: expect.arrayContaining([
        'DNS:redis-1.orders.internal',
        `URI:spiffe://orders.internal/node/redis-1/${plane}`,
      ]),
      issuer: issuing?.subject,
      authority: issuing?.id,
      keyType: 'ecdsa-p256',
      notBefore: new Date(pair.certificate.validFrom).toISOString().replace('.000', ''),
      notAfter: new Date(pair.certificate.validTo).toISOString().replace('.000', ''),
      dueAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/),
      status: 'valid',
      files: {
        certificate: join(directory, 'cert.pem'),
        key: join(directory, 'key.pem'),
        trustBundle: join(directory, 'ca.pem'),
      },
    });
    expect(pair.serial).toMatch(/^[4-7][0-9a-f]{39}$/);
  });

  test('dueAt is within 5 % of life before the day when 60 of 90 days are left', () => {
    for (const { dueAt, notBefore } of issued.certificates) {
      const days = (Date.parse(dueAt) - Date.parse(notBefore)) / 86_400_000;
      expect(days).toBeGreaterThanOrEqual(30 - 4.51);
      expect(days).toBeLessThanOrEqual(30.01);
    }
  });

  test.each(['control', 'data'])('%s: key 0600, PKCS#8, the certificate’s own', async (plane) => {
    const pair = await readPair(join(out, 'redis-1', plane));
    expect(pair.matches).toBe(true);
    expect(pair.keyMode).toBe(0o600);
    expect(await readFile(join(out, 'redis-1', plane, 'key.pem'), 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  test('cert.pem is the end-entity certificate and then the issuing CA; ca.pem is the root', async () => {
    const { chain } = await readPair(join(out, 'redis-1/data'));
    const bundle = certificates(await readFile(join(out, 'redis-1/data/ca.pem'), 'utf8'));
    const fingerprint = (role: string) => cluster.made.authorities.find((found) => found.role === role)?.fingerprint;
    expect(chain.map((certificate) => certificate.ca)).toEqual([false, true]);
    expect(chain.slice(1).map(fingerprintOf)).toEqual([fingerprint('issuing')]);
    expect(bundle.map(fingerprintOf)).toEqual([fingerprint('root')]);
  });

  test('the planes share neither key nor serial', async () => {
    const [control, data] = await Promise.all([
      readPair(join(out, 'redis-1/control')),
      readPair(join(out, 'redis-1/data')),
    ]);
    expect(control.serial).not.toBe(data.serial);
    expect(control.certificate.checkPrivateKey(data.key)).toBe(false);
  });

  test('openssl verifies it, strictly, for both purposes', async () => {
    const directory = join(out, 'redis-1/data');
    for (const purpose of ['sslserver', 'sslclient'])
      expect(
        await openssl([
          ...['verify', '-x509_strict', '-purpose', purpose, '-verify_hostname', 'redis-1.orders.internal'],
          ...['-CAfile', join(directory, 'ca.pem'), '-untrusted', join(directory, 'cert.pem')],
          join(directory, 'cert.pem'),
        ]),
      ).toMatch(/: OK$/m);
  });

  test('its extensions', async () => {
    const text = await certificateText(join(out, 'redis-1/data/cert.pem'));
    expect(text).toMatch(
      /Extended Key Usage:\s*(critical)?\s+TLS Web Server Authentication, TLS Web Client Authentication\n/,
    );
    expect(text).toMatch(/X509v3 Key Usage: critical\s+Digital Signature\n/);
    expect(text).not.toContain('CA:TRUE');
    expect(text).toMatch(/Subject Key Identifier/);
    expect(text).toMatch(/Authority Key Identifier/);
    expect(text).not.toMatch(/CRL Distribution Points/);
  });

  test('90 days, both ends included, an hour of them before now', async () => {
    for (const certificate of issued.certificates) {
      expect(seconds(certificate)).toBe(90 * 86_400);
      expect(Math.abs(Date.now() - Date.parse(certificate.notBefore) - 3600_000)).toBeLessThan(600_000);
    }
  });

  test('list has it', async () => {
    const { certificates: listed } = await done<ListDocument>(ca, ['list', '--node', 'redis-1']);
    const bare = issued.certificates.map(({ files: _, ...certificate }) => certificate);
    const order = (a: { serial: string }, b: { serial: string }): number => a.serial.localeCompare(b.serial);
    expect(listed.sort(order)).toEqual(bare.sort(order));
  });

  test('no temporary name stays', async () => {
    expect((await files(out)).filter((name) => name.includes('.cluster-ca.'))).toEqual([]);
  });
});

describe('flags', () => {
  test('--plane, one value each: a flag never swallows the next word', async () => {
    const { certificates: made } = await done<IssueDocument>(ca, ['issue', '--plane', 'data', 'p1', 'p2']);
    expect(made.map(({ node, plane }) => `${node}/${plane}`).sort()).toEqual(['p1/data', 'p2/data']);
  });

  test('--dns replaces the default name, --ip adds addresses', async () => {
    const args = ['issue', 'f1', '--plane', 'data', '--dns', 'a.orders.internal', '--dns', 'localhost'];
    const { certificates: made } = await done<IssueDocument>(ca, [...args, '--ip', '10.1.2.3', '--ip', '::1']);
    expect(made[0]?.subjectAltNames.slice().sort()).toEqual([
      'DNS:a.orders.internal',
      'DNS:localhost',
      'IP:10.1.2.3',
      'IP:::1',
      'URI:spiffe://orders.internal/node/f1/data',
    ]);
    const text = await certificateText(join(out, 'f1/data/cert.pem'));
    expect(text).toMatch(/DNS:a\.orders\.internal, DNS:localhost|DNS:localhost, DNS:a\.orders\.internal/);
    expect(text).toContain('IP Address:10.1.2.3');
  });

  test('a node that already ends in a permitted domain is its own name', async () => {
    const { certificates: made } = await done<IssueDocument>(ca, ['issue', 'f2.orders.internal', '--plane', 'data']);
    expect(made[0]?.subjectAltNames).toContain('DNS:f2.orders.internal');
    expect(made[0]?.subject).toBe('CN=f2.orders.internal');
  });

  test('a wildcard, asked for', async () => {
    const args = ['issue', 'w1', '--plane', 'data', '--dns', '*.orders.internal'];
    const { certificates: made } = await done<IssueDocument>(ca, args);
    expect(made[0]?.subjectAltNames).toContain('DNS:*.orders.internal');
  });

  test.each([
    ['30d', 30 * 86_400],
    ['12h', 12 * 3600],
    ['90m', 5400],
    ['60s', 60],
    ['1y', 365 * 86_400],
  ])('--lifetime %s', async (lifetime, expected) => {
    const { certificates: made } = await done<IssueDocument>(ca, ['issue', `l${lifetime}`, '--lifetime', lifetime]);
    for (const certificate of made) {
      expect(seconds(certificate)).toBe(expected);
      // Backdated by an hour or a tenth, whichever is less.
      const before = Date.now() - Date.parse(certificate.notBefore);
      expect(before).toBeLessThanOrEqual(Math.min(3600, expected / 10) * 1000 + 60_000);
    }
  });

  test.each([
    ['server', 'TLS Web Server Authentication'],
    ['client', 'TLS Web Client Authentication'],
  ])('--profile %s', async (profile, usage) => {
    const { certificates: made } = await done<IssueDocument>(ca, ['issue', `x-${profile}`, '--profile', profile]);
    expect(made.map((certificate) => certificate.profile)).toEqual([profile, profile]);
    const text = await certificateText(join(out, `x-${profile}/data/cert.pem`));
    expect(text).toMatch(new RegExp(`Extended Key Usage:.*\\n\\s+${usage}\\n`));
  });

  test.each([
    ['ecdsa-p384', 'ec', 'secp384r1'],
    ['ed25519', 'ed25519', undefined],
    ['rsa-2048', 'rsa', undefined],
  ])('--key-type %s', async (type, kind, curve) => {
    const args = ['issue', `k-${type}`, '--plane', 'data', '--key-type', type];
    const { certificates: made } = await done<IssueDocument>(ca, args);
    expect(made[0]?.keyType).toBe(type);
    const pair = await readPair(join(out, `k-${type}`, 'data'));
    expect(pair.matches).toBe(true);
    expect(pair.key.asymmetricKeyType).toBe(kind);
    if (curve) expect(pair.key.asymmetricKeyDetails?.namedCurve).toBe(curve);
  });

  test('--out DIR, which is made', async () => {
    const directory = join(cluster.directory, 'deep/er');
    const { certificates: made } = await done<IssueDocument>(ca, [
      'issue',
      'o1',
      '--plane',
      'data',
      '--out',
      directory,
    ]);
    expect(made[0]?.files?.certificate).toBe(join(directory, 'o1/data/cert.pem'));
    expect((await readPair(join(directory, 'o1/data'))).matches).toBe(true);
  });

  test('--out relative gives absolute paths', async () => {
    const { certificates: made } = await done<IssueDocument>(ca, ['issue', 'o2', '--plane', 'data', '--out', 'sub']);
    expect(made[0]?.files?.key).toBe(join(out, 'sub/o2/data/key.pem'));
  });

  test.each(['0600', '0640', '0400'])('--key-mode %s', async (mode) => {
    await done(ca, ['issue', `m${mode}`, '--plane', 'data', '--key-mode', mode]);
    expect((await readPair(join(out, `m${mode}`, 'data'))).keyMode.toString(8)).toBe(mode.slice(1));
  });

  const root = process.getuid?.() === 0;
  if (!root) console.warn('skipped: only root can give files away');
  (root ? test : test.skip)('--owner USER:GROUP, as root', async () => {
    await done(ca, ['issue', 'owned', '--plane', 'data', '--owner', 'nobody:nogroup']);
    const key = await lstat(join(out, 'owned/data/key.pem'));
    expect([key.uid, key.gid]).toEqual([65_534, 65_534]);
  });

  test('several nodes at once', async () => {
    const { certificates: made } = await done<IssueDocument>(ca, ['issue', 's1', 's2', 's3']);
    expect(made).toHaveLength(6);
    expect(new Set(made.map((certificate) => certificate.serial)).size).toBe(6);
    for (const node of ['s1', 's2', 's3'])
      for (const plane of ['control', 'data']) expect((await readPair(join(out, node, plane))).matches).toBe(true);
  });

  test('--dry-run: no passphrase, no serials, not a byte', async () => {
    const args = ['issue', 'dry', '--dry-run', '--json'];
    const result = await ca(args, { env: { CLUSTER_CA_KEY_FILE: '/nonexistent/key' } });
    expectExit(result, 0);
    const plan: IssueDocument = result.json();
    expect(plan.dryRun).toBe(true);
    expect(plan.certificates.map(({ node, plane }) => `${node}/${plane}`).sort()).toEqual(['dry/control', 'dry/data']);
    for (const certificate of plan.certificates) expect(certificate).not.toHaveProperty('serial');
    expect((await files(out)).filter((name) => name.startsWith('dry'))).toEqual([]);
  });
});

test('in text: the result is on stdout, and no key', async () => {
  const result = await ca(['issue', 'text-1']);
  expectExit(result, 0);
  expect(result.stdout).toContain('text-1');
  expect(result.stdout + result.stderr).not.toContain('PRIVATE KEY');
});
