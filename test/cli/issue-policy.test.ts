import { chmod, chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, expectSafe, fails, words } from './checks.ts';
import type { ListDocument } from './documents.ts';
import { files, tree } from './tree.ts';

// What `issue` refuses. Nothing is ever issued or written by a refusal.
const cluster = await newCluster();
const { ca, out } = cluster;
// Root may write everywhere; so, as root, somebody else tries.
const nobodys = process.getuid?.() === 0 ? await newCluster({ name: 'nobody', uid: 65_534 }) : undefined;

afterEach(async () => {
  expect(await files(out)).toEqual([]);
});

describe('names and addresses outside the constraints: 5, and the way to change them', () => {
  test.each([
    ['another domain', ['--dns', 'n1.evil.example']],
    ['a name that only ends alike', ['--dns', 'n1.notorders.internal']],
    ['one of several', ['--dns', 'n1.orders.internal', '--dns', 'n1.evil.example']],
    ['a wildcard of another domain', ['--dns', '*.evil.example']],
    ['a public address', ['--ip', '8.8.8.8']],
    ['a public IPv6 address', ['--ip', '2001:4860:4860::8888']],
  ])('%s', async (_, flags) => {
    const error = await fails(ca, ['issue', 'n1', ...flags], 'ERR_POLICY');
    expect(error.hint).toContain('rollover start --issuing');
    if (flags[0] === '--dns') expect(error.hint).toMatch(/rollover start --issuing --domain \S+/);
  });

  test('it names what it refuses', async () => {
    expect(words(await fails(ca, ['issue', 'n1', '--dns', 'n1.evil.example'], 5))).toContain('n1.evil.example');
    expect(words(await fails(ca, ['issue', 'n1', '--ip', '8.8.8.8'], 5))).toContain('8.8.8.8');
  });
});

test('a lifetime beyond the issuer’s: 5', async () => {
  await fails(ca, ['issue', 'n1', '--lifetime', '6y'], 5);
});

describe('wrong usage: 2', () => {
  test.each([
    ['no NODE', []],
    ['an unknown plane', ['n1', '--plane', 'backup']],
    ['an unknown key type', ['n1', '--key-type', 'dsa-1024']],
    ['rsa-1024', ['n1', '--key-type', 'rsa-1024']],
    ['an unknown profile', ['n1', '--profile', 'ca']],
    ['a key mode that is not one of three', ['n1', '--key-mode', '0644']],
    ['an address that is none', ['n1', '--ip', '10.0.0.256']],
    ['an address with a port', ['n1', '--ip', '10.0.0.1:80']],
    ['a name that is none', ['n1', '--dns', 'a name']],
    ['a wildcard that is not the left-most label', ['n1', '--dns', 'a.*.orders.internal']],
    ['a wildcard within a label', ['n1', '--dns', 'a*.orders.internal']],
    ['two wildcards', ['n1', '--dns', '*.*.orders.internal']],
    ['--dns for several nodes', ['n1', 'n2', '--dns', 'n1.orders.internal']],
    ['--ip for several nodes', ['n1', 'n2', '--ip', '10.0.0.1']],
    ['--csr for several nodes', ['n1', 'n2', '--plane', 'data', '--csr', 'request.pem']],
    ['--csr for several planes', ['n1', '--csr', 'request.pem']],
    ['a value missing', ['n1', '--lifetime']],
    ['an option that does not exist', ['n1', '--force']],
    ['an option of another issue', ['n1', '--out', 'x', '--deploy']],
  ])('%s', async (_, args) => {
    await fails(ca, ['issue', ...args], 2);
  });

  test.each(['90', 'd', '1.5d', '-1d', '1w', '1 d', '0d', '90D', '1d12h', ''])('the duration %j', async (lifetime) => {
    await fails(ca, ['issue', 'n1', `--lifetime=${lifetime}`], 2);
  });
});

describe('a NODE that is not legal: 2, and the nearest that is', () => {
  test.each([
    ['Redis-1', 'redis-1'],
    ['redis_1', 'redis-1'],
    ['redis 1', 'redis-1'],
    ['redis-1.', 'redis-1'],
    ['redis-1-', 'redis-1'],
    ['redis..1', 'redis.1'],
  ])('%j', async (node, nearest) => {
    const error = await fails(ca, ['issue', node], 'ERR_USAGE');
    expect(error.hint).toMatch(new RegExp(`(^|[^a-z0-9.-])${nearest.replace('.', '\\.')}($|[^a-z0-9.-]|\\.$)`));
  });

  test.each([
    'clients',
    '.',
    '..',
    '../up',
    '/etc/passwd',
    'a/b',
    '',
    ' ',
    'ünode',
    '*',
    'n1\u001b[31m',
    'n1\u202egpj',
    'a'.repeat(64),
    `${'a.'.repeat(32)}a`,
    'n1\n',
  ])('%j', async (node) => {
    const error = await fails(ca, ['issue', node], 'ERR_USAGE');
    expect(error.hint).toBeDefined();
    const text = await ca(['issue', node]);
    expectExit(text, 2);
    expectSafe(text.stderr);
  });

  test.each(['a'.repeat(63), `${'a.'.repeat(31)}aa`, '0', '1e3', 'null', '012', 'true', 'a.b-c.d'])(
    'but %j is one',
    async (node) => {
      await done(ca, ['issue', node, '--dry-run', '--dns', 'x.orders.internal']);
    },
  );

  test('before a file is touched', async () => {
    const before = await tree(cluster.directory);
    await fails(ca, ['issue', 'good', 'Bad', '--out', 'new'], 2);
    expect(await tree(cluster.directory)).toEqual(before);
  });
});

describe('an output directory that cannot be written: 14, and nothing is issued', () => {
  test('as a user without the right', async () => {
    const { ca: run, dir } = nobodys ?? cluster;
    const closed = await dir('closed');
    if (nobodys) await chown(closed, 65_534, 65_534);
    await chmod(closed, 0o555);
    const error = await fails(run, ['issue', 'n1', '--out', closed], 'ERR_STORAGE');
    expect(words(error)).toContain(closed);
    await fails(run, ['issue', 'n1', '--out', join(closed, 'deeper')], 'ERR_STORAGE');
    expect((await done<ListDocument>(run, ['list', '--all'])).certificates).toEqual([]);
    await chmod(closed, 0o755);
    expect(await files(closed)).toEqual([]);
  });

  test('as a path that runs through a file', async () => {
    const file = join(cluster.directory, 'file');
    await writeFile(file, '');
    const result = await ca(['issue', 'n1', '--out', join(file, 'sub'), '--json']);
    expect([2, 14]).toContain(result.code);
    expect(result.stdout).toBe('');
  });
});

test('nothing was issued by any of them', async () => {
  expect((await done<ListDocument>(ca, ['list', '--all'])).certificates).toEqual([]);
});
