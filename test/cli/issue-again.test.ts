import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails, words } from './checks.ts';
import type { CertificateObject, IssueDocument, ListDocument } from './documents.ts';
import { contents, files } from './tree.ts';
import { openssl, readPair } from './x509.ts';

// Idempotence, request ids, what is never overwritten.
const cluster = await newCluster();
const { ca, out } = cluster;

const issue = (...args: string[]): Promise<IssueDocument> =>
  done<IssueDocument>(ca, ['issue', '--plane', 'data', ...args]);
const history = async (node: string): Promise<CertificateObject[]> =>
  (await done<ListDocument>(ca, ['list', '--all', '--node', node])).certificates;
const statuses = async (node: string): Promise<string[]> => (await history(node)).map((found) => found.status).sort();
const serial = async (node: string): Promise<string> => (await readPair(join(out, node, 'data'))).serial;

describe('a node and plane is left alone', () => {
  test('when nothing differs', async () => {
    await issue('same');
    const before = await contents(join(out, 'same'));
    const again = await issue('same');
    expect(again.certificates).toEqual([]);
    expect(again.unchanged).toHaveLength(1);
    expect(again.unchanged[0]).toMatchObject({ node: 'same', plane: 'data', status: 'valid', why: expect.any(String) });
    expect(await contents(join(out, 'same'))).toEqual(before);
  });

  test('when the same names are given in another order', async () => {
    await issue('order', '--dns', 'a.orders.internal', '--dns', 'b.orders.internal');
    const again = await issue('order', '--dns', 'b.orders.internal', '--dns', 'a.orders.internal');
    expect([again.certificates.length, again.unchanged.length]).toEqual([0, 1]);
  });

  test('in text as well: exit 0, and it says so', async () => {
    const result = await ca(['issue', 'same', '--plane', 'data']);
    expectExit(result, 0);
    expect(result.stdout + result.stderr).toMatch(/unchanged/);
  });

  test('one plane of two', async () => {
    const { certificates, unchanged } = await done<IssueDocument>(ca, ['issue', 'same']);
    expect(certificates.map((made) => made.plane)).toEqual(['control']);
    expect(unchanged.map((left) => left.plane)).toEqual(['data']);
  });
});

describe('a new one is made, and the old one is superseded', () => {
  test.each(['key.pem', 'cert.pem', 'ca.pem'])('when %s is missing', async (name) => {
    const node = `missing-${name.slice(0, -4)}`;
    await issue(node);
    await rm(join(out, node, 'data', name));
    await issue(node);
    const pair = await readPair(join(out, node, 'data'));
    expect(pair.matches).toBe(true);
    expect(await statuses(node)).toEqual(['superseded', 'valid']);
    const current = (await history(node)).find((found) => found.status === 'valid');
    expect(current?.serial).toBe(pair.serial);
  });

  test('when cert.pem is another’s', async () => {
    await issue('swap-a', 'swap-b');
    await writeFile(join(out, 'swap-a/data/cert.pem'), await readFile(join(out, 'swap-b/data/cert.pem')));
    await issue('swap-a');
    const pair = await readPair(join(out, 'swap-a/data'));
    expect([pair.matches, pair.certificate.subject]).toEqual([true, 'CN=swap-a']);
  });

  test.each([
    ['names', ['--dns', 'other.orders.internal']],
    ['addresses', ['--ip', '10.0.0.9']],
    ['profile', ['--profile', 'server']],
    ['key type', ['--key-type', 'ecdsa-p384']],
    ['--force-new', ['--force-new']],
  ])('with other %s', async (what, flags) => {
    const node = `other-${what.replaceAll(/[^a-z]/g, '')}`;
    await issue(node);
    const old = await serial(node);
    const { certificates } = await issue(node, ...flags);
    expect(certificates).toHaveLength(1);
    expect(await serial(node)).not.toBe(old);
    expect((await readPair(join(out, node, 'data'))).matches).toBe(true);
    expect(await statuses(node)).toEqual(['superseded', 'valid']);
    const superseded = (await history(node)).find((found) => found.serial === old);
    expect(superseded?.status).toBe('superseded');
  });

  test('in another --out', async () => {
    await issue('moved');
    const elsewhere = await cluster.dir('elsewhere');
    const { certificates } = await issue('moved', '--out', elsewhere);
    expect(certificates).toHaveLength(1);
    expect(await statuses('moved')).toEqual(['superseded', 'valid']);
  });

  test('--revoke-previous REASON ends the old one', async () => {
    await issue('ended');
    const old = await serial('ended');
    await issue('ended', '--force-new', '--revoke-previous', 'superseded');
    const found = (await history('ended')).find((certificate) => certificate.serial === old);
    expect(found).toMatchObject({
      status: 'revoked',
      revocationReason: 'superseded',
      revokedAt: expect.stringMatching(/Z$/),
    });
    const crl = (await ca(['crl'])).stdout;
    expect((await openssl(['crl', '-noout', '-text'], crl)).toLowerCase()).toContain(old);
  });

  test('--revoke-previous with a reason that is none: 2', async () => {
    await fails(ca, ['issue', 'ended', '--force-new', '--revoke-previous', 'boredom'], 2);
  });
});

describe('--request-id', () => {
  test('the same id and request finish the files, with the same certificate', async () => {
    await issue('rid', '--request-id', 'build-17');
    const first = await serial('rid');
    await rm(join(out, 'rid/data/cert.pem'));
    await rm(join(out, 'rid/data/ca.pem'));
    await issue('rid', '--request-id', 'build-17');
    expect(await serial('rid')).toBe(first);
    expect((await readPair(join(out, 'rid/data'))).matches).toBe(true);
    expect(await history('rid')).toHaveLength(1);
  });

  test('the same id with --force-new makes one only', async () => {
    await issue('rid-force', '--force-new', '--request-id', 'build-18');
    await issue('rid-force', '--force-new', '--request-id', 'build-18');
    expect(await history('rid-force')).toHaveLength(1);
  });

  test.each([
    ['another node', ['rid-other']],
    ['other names', ['rid', '--dns', 'new.orders.internal']],
    ['another lifetime', ['rid', '--lifetime', '10d']],
    ['another key type', ['rid', '--key-type', 'ecdsa-p384']],
  ])('the same id with %s: 6', async (_, args) => {
    const before = await files(out);
    const error = await fails(ca, ['issue', '--plane', 'data', ...args, '--request-id', 'build-17'], 6);
    expect(words(error)).toContain('build-17');
    expect(await files(out)).toEqual(before);
  });
});

describe('--request-id, when the certificate was revoked since', () => {
  test('is no success, and makes no other one: 6', async () => {
    const request = (node: string, to = out) => ['issue', '--plane', 'data', node, '--request-id', node, '--out', to];
    const again = (node: string, to?: string) => fails(ca, request(node, to), 'ERR_STATE');
    for (const node of ['rid-revoked', 'rid-lost']) {
      await done(ca, request(node));
      await done(ca, ['revoke', node, '--yes']);
    }
    const before = await files(out);
    expect((await again('rid-revoked')).message).toContain('was revoked since');
    expect(await files(out)).toEqual(before);
    await again('rid-lost', `${out}-elsewhere`);
    await again('rid-lost', `${out}-elsewhere.tar`);
    expect([await statuses('rid-revoked'), await statuses('rid-lost')]).toEqual([['revoked'], ['revoked']]);
    await issue('rid-revoked');
    expect(await statuses('rid-revoked')).toEqual(['revoked', 'valid']);
  });
});

describe('a key.pem that belongs to no certificate of this CA', () => {
  test('is never overwritten: 6, and nothing is issued', async () => {
    const directory = await cluster.dir('out/foreign/data');
    await writeFile(join(directory, 'key.pem'), await openssl(['genpkey', '-algorithm', 'ed25519']), { mode: 0o600 });
    const before = await contents(directory);
    for (const flags of [[], ['--force-new'], ['--dry-run']]) {
      const error = await fails(ca, ['issue', 'foreign', '--plane', 'data', ...flags], 6);
      expect(words(error)).toContain(join(directory, 'key.pem'));
    }
    expect(await contents(directory)).toEqual(before);
    expect(await history('foreign')).toEqual([]);
  });

  test('nor one that is no key at all', async () => {
    const directory = await cluster.dir('out/scribble/data');
    await writeFile(join(directory, 'key.pem'), 'do not lose this\n');
    await fails(ca, ['issue', 'scribble', '--plane', 'data'], 6);
    expect(await readFile(join(directory, 'key.pem'), 'utf8')).toBe('do not lose this\n');
  });

  test('another node’s key is of this CA, and still is not lost silently', async () => {
    await issue('lender');
    const directory = await cluster.dir('out/borrower/data');
    await writeFile(join(directory, 'key.pem'), await readFile(join(out, 'lender/data/key.pem')), { mode: 0o600 });
    const result = await ca(['issue', 'borrower', '--plane', 'data', '--json']);
    expect([0, 6]).toContain(result.code);
    expect((await readPair(join(out, 'lender/data'))).matches).toBe(true);
  });
});
