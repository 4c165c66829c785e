import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails, words } from './checks.ts';
import { clock } from './clock.ts';
import type { CertificateObject, IssueDocument, ListDocument } from './documents.ts';
import { tree } from './tree.ts';
import { readPair } from './x509.ts';

const cluster = await newCluster();
const { ca, out } = cluster;
const all = await newCluster({ name: 'all' });
const fleet = await newCluster({ name: 'fleet' });
const issue = async (...args: string[]): Promise<IssueDocument['certificates']> =>
  (await done<IssueDocument>(ca, ['issue', ...args])).certificates;
const rotate = (...args: string[]): Promise<IssueDocument> => done<IssueDocument>(ca, ['rotate', ...args]);
const made = ({ certificates }: IssueDocument): string[] =>
  certificates.map(({ node, plane }) => (plane ? `${node}/${plane}` : node)).sort();
const pair = (node: string, plane = 'data') => readPair(join(out, node, plane));

describe('rotate NODE', () => {
  test('a new key and certificate for each plane; the old one is superseded', async () => {
    await issue('n1');
    const old = await pair('n1');
    const rotated = await rotate('n1');
    expect(made(rotated)).toEqual(['n1/control', 'n1/data']);
    const fresh = await pair('n1');
    expect(fresh.matches).toBe(true);
    expect(fresh.serial).toBe(rotated.certificates.find(({ plane }) => plane === 'data')?.serial);
    expect(fresh.certificate.checkPrivateKey(old.key)).toBe(false);
    expect(fresh.keyMode).toBe(0o600);
    const { certificates } = await done<ListDocument>(ca, ['list', '--all', '--node', 'n1', '--plane', 'data']);
    expect(certificates.find(({ serial }) => serial === old.serial)?.status).toBe('superseded');
  });

  test('names, profile and key type stay as they are', async () => {
    const names = ['--dns', 'a.orders.internal', '--dns', '*.b.orders.internal', '--ip', '10.0.0.7'];
    const [old] = await issue('kept', '--plane', 'data', ...names, '--profile', 'server', '--key-type', 'ecdsa-p384');
    const [fresh] = (await rotate('kept')).certificates;
    const facts = ({ subjectAltNames, profile, keyType, subject, plane }: CertificateObject) => ({
      ...{ subjectAltNames: subjectAltNames.slice().sort(), profile, keyType, subject, plane },
    });
    expect(fresh && facts(fresh)).toEqual(old && facts(old));
    expect((await pair('kept')).key.asymmetricKeyDetails?.namedCurve).toBe('secp384r1');
  });

  test('--plane: that one only', async () => {
    await issue('n2');
    const control = (await pair('n2', 'control')).serial;
    expect(made(await rotate('n2', '--plane', 'data'))).toEqual(['n2/data']);
    expect((await pair('n2', 'control')).serial).toBe(control);
  });

  test('only the planes it has', async () => {
    await issue('n3', '--plane', 'control');
    expect(made(await rotate('n3'))).toEqual(['n3/control']);
  });

  test('--out elsewhere', async () => {
    await issue('n4', '--plane', 'data');
    const before = await tree(join(out, 'n4'));
    const directory = await cluster.dir('elsewhere');
    await rotate('n4', '--out', directory);
    expect((await readPair(join(directory, 'n4/data'))).matches).toBe(true);
    expect(await tree(join(out, 'n4'))).toEqual(before);
  });

  test('where the files are gone', async () => {
    await issue('n5', '--plane', 'data');
    await rm(join(out, 'n5'), { recursive: true });
    await rotate('n5');
    expect((await pair('n5')).matches).toBe(true);
  });

  test('an unknown one: 6, and none of the others is rotated', async () => {
    await issue('n6', '--plane', 'data');
    const { serial } = await pair('n6');
    expect(words(await fails(ca, ['rotate', 'n6', 'nobody'], 6))).toContain('nobody');
    expect((await pair('n6')).serial).toBe(serial);
  });

  test('a revoked one: 6, until issue gives it a new one', async () => {
    await issue('n7', '--plane', 'data');
    await done(ca, ['revoke', 'n7', '--yes']);
    expect(words(await fails(ca, ['rotate', 'n7'], 6))).toContain('n7');
    await issue('n7', '--plane', 'data');
    expect(made(await rotate('n7'))).toEqual(['n7/data']);
  });

  test('--dry-run: no secret, no serials, not a byte', async () => {
    const before = await tree(cluster.directory);
    const result = await ca(['rotate', 'n1', '--dry-run', '--json'], { env: { CLUSTER_CA_KEY_FILE: '/nonexistent' } });
    expectExit(result, 0);
    const plan: IssueDocument = result.json();
    expect(plan.dryRun).toBe(true);
    expect(made(plan)).toEqual(['n1/control', 'n1/data']);
    for (const certificate of plan.certificates) expect(certificate).not.toHaveProperty('serial');
    expect(await tree(cluster.directory)).toEqual(before);
  });
});

test.each([
  ['nothing named', []],
  ['neither a node’s name nor a client’s', ['a/b']],
  ['an unknown plane', ['n1', '--plane', 'backup']],
  ['a NODE and --all', ['n1', '--all']],
  ['--deploy, of another issue', ['n1', '--deploy']],
])('%s: 2', async (_, args) => {
  await fails(ca, ['rotate', ...args], 2);
});

test('--csr-dir takes new requests, and writes no key', async () => {
  const [first, second] = [await cluster.dir('first'), await cluster.dir('second')];
  for (const directory of [first, second]) await done(ca, ['request', 'c1', '--plane', 'data', '--out', directory]);
  await done(ca, ['issue', '--csr-dir', first]);
  const key = await readFile(join(second, 'c1/data/key.pem'), 'utf8');
  expect(made(await rotate('c1', '--csr-dir', second))).toEqual(['c1/data']);
  const [old, fresh] = await Promise.all([first, second].map((directory) => readPair(join(directory, 'c1/data'))));
  expect([old?.matches, fresh?.matches, old?.serial === fresh?.serial]).toEqual([true, true, false]);
  expect(await readFile(join(second, 'c1/data/key.pem'), 'utf8')).toBe(key);
});

test('--all: every node and client but the revoked', async () => {
  await done(all.ca, ['issue', 'a', 'b', 'c', '--plane', 'data']);
  await done(all.ca, ['issue', '--client', 'app']);
  await done(all.ca, ['revoke', 'b', '--yes']);
  expect(made(await done<IssueDocument>(all.ca, ['rotate', '--all']))).toEqual(['a/data', 'app', 'c/data']);
  expect((await readPair(join(all.out, 'clients/app'))).matches).toBe(true);
  await done(all.ca, ['issue', 'b', '--plane', 'data']);
  expect(made(await done<IssueDocument>(all.ca, ['rotate', '--all']))).toEqual(['a/data', 'app', 'b/data', 'c/data']);
});

describe('--due', () => {
  test('nothing due: 0, nothing made', async () => {
    const { ca: run } = fleet;
    await done(run, ['issue', 'a', 'b', '--plane', 'data']);
    await done(run, ['issue', 'gone', '--plane', 'data']);
    await done(run, ['revoke', 'gone', '--yes']);
    expect(made(await done<IssueDocument>(run, ['rotate', '--due']))).toEqual([]);
    expect(made(await done<IssueDocument>(run, ['rotate', '--due'], { env: clock('24d') }))).toEqual([]);
  });

  test('what has 60 of 90 days left is due, what is revoked is not', async () => {
    const { ca: run } = fleet;
    const rotated = await done<IssueDocument>(run, ['rotate', '--due'], { env: clock('31d') });
    expect(made(rotated)).toEqual(['a/data', 'b/data']);
    expect(made(await done<IssueDocument>(run, ['rotate', '--due'], { env: clock('32d') }))).toEqual([]);
  });

  test('what has expired is due', async () => {
    const { ca: run } = fleet;
    expect(made(await done<IssueDocument>(run, ['rotate', '--due'], { env: clock('200d') }))).toEqual([
      'a/data',
      'b/data',
    ]);
  });

  test('the proportions hold for sixty seconds too', async () => {
    const { ca: run } = fleet;
    await done(run, ['issue', 'short', '--plane', 'data', '--lifetime', '60s'], { env: clock('201d') });
    const at = (text: string) => ({ env: clock(text) });
    const later = await done<IssueDocument>(run, ['rotate', '--due', '--dry-run'], at(`${201 * 86_400 + 30}s`));
    expect(made(later)).toEqual(['short/data']);
  });
});
