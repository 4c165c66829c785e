import { createHash } from 'node:crypto';
import { cp, lstat, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { RunOptions } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { done, fails, words } from './checks.ts';
import type { SlotsDocument } from './documents.ts';
import { canTrace, traced } from './strace.ts';

// keystore slot add --shares: a passphrase that m of n people have together.
const installed = (() => {
  try {
    return createRequire(import.meta.url).resolve('shamir-secret-sharing') !== '';
  } catch {
    process.stderr.write('test of shares skipped: shamir-secret-sharing is not installed\n');
    return false;
  }
})();

const cluster = await newCluster();
const { ca } = cluster;
const path = (name: string): string => join(cluster.directory, name);
const { CLUSTER_CA_KEY_FILE: _, ...env } = cluster.env;
/** Without the key file: the shares alone open it. */
const alone = (args: string[], options: RunOptions = {}) => warmCli(args, { cwd: cluster.out, ...options, env });
const add = (name: string, threshold: string, ...more: string[]) => [
  'keystore',
  'slot',
  'add',
  name,
  '--shares',
  threshold,
  '--shares-out',
  path(name),
  ...more,
];
const file = (name: string, number: number, total: number): string => path(`${name}/share-${number}-of-${total}.txt`);
const cat = (...files: string[]) => ['--passphrase-command', `cat ${files.join(' ')}`];

(installed ? describe : describe.skip)('recovery shares', () => {
  beforeAll(async () => {
    await done(ca, add('recovery', '3of5'));
    await done(ca, add('safe', '2of2', '--domain', 'root'));
  });

  test('one a file, 0600, each with a line to type and words for who finds it; a passphrase slot', async () => {
    const names = (await readdir(path('recovery'))).sort();
    expect(names).toEqual([1, 2, 3, 4, 5].map((n) => `share-${n}-of-5.txt`));
    for (const name of names) {
      expect((await lstat(path(`recovery/${name}`))).mode & 0o777).toBe(0o600);
      const content = await readFile(path(`recovery/${name}`), 'utf8');
      expect(content).toContain('keystore of orders');
      expect(content.match(/^CCA1-\S+$/gm)).toHaveLength(1);
    }
    const { slots } = await done<SlotsDocument>(ca, ['keystore', 'slot', 'list']);
    expect(slots.find(({ name }) => name === 'recovery')?.kind).toBe('passphrase');
  });

  test('any three open it: from a command, from one file', async () => {
    await done(alone, ['issue', 'n1', ...cat(file('recovery', 5, 5), file('recovery', 1, 5), file('recovery', 3, 5))]);
    const together = await Promise.all([2, 3, 4].map((n) => readFile(file('recovery', n, 5), 'utf8')));
    await writeFile(path('together'), together.join('\n'), { mode: 0o600 });
    await done(alone, ['crl', '--renew', '--passphrase-file', path('together')]);
  });

  test('two say how many are missing; of two secrets, and one with a mistake, what is wrong; not what is on them', async () => {
    const open = (...files: string[]) => ['crl', '--renew', ...cat(...files)];
    const [one, two] = [file('recovery', 1, 5), file('recovery', 2, 5)];
    expect((await fails(alone, open(one, two), 'ERR_USAGE')).message).toContain('only numbers 1 and 2');
    expect((await fails(alone, open(one, two, file('safe', 1, 2)), 'ERR_USAGE')).message).toContain(
      'different secrets',
    );
    const content = await readFile(one, 'utf8');
    const line = /CCA1-\S+/.exec(content)?.[0] ?? '';
    await writeFile(
      path('typo'),
      content.replace(
        line,
        line.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      ),
      { mode: 0o600 },
    );
    const error = await fails(alone, open(path('typo'), two, file('recovery', 3, 5)), 'ERR_USAGE');
    expect(error.message).toContain('first share');
    expect(words(error)).not.toContain(line.slice(10, 40));
  });

  test('shares of the root domain: for what needs the root, and for nothing else', async () => {
    const safe = [file('safe', 1, 2), file('safe', 2, 2)];
    await fails(alone, ['crl', '--renew', ...cat(...safe)], 'ERR_PASSPHRASE');
    const root = ['crl', '--renew', '--authority', 'root-g1'];
    await done(ca, [...root, '--root-passphrase-command', `cat ${safe.join(' ')}`]);
  });

  test('what does not go together: 2; shares that are there: 6, and no slot', async () => {
    await fails(ca, ['keystore', 'slot', 'add', 'x', '--shares', '3of5'], 'ERR_USAGE');
    await fails(ca, ['keystore', 'slot', 'add', 'x', '--shares-out', path('x')], 'ERR_USAGE');
    await fails(ca, add('x', '3of2'), 'ERR_USAGE');
    await fails(ca, add('x', '2of3', '--new-key-file', path('x.key')), 'ERR_USAGE');
    const again = ['keystore', 'slot', 'add', 'again', '--shares', '2of5', '--shares-out', path('recovery')];
    await fails(ca, again, 'ERR_EXISTS');
    const { slots } = await done<SlotsDocument>(ca, ['keystore', 'slot', 'list']);
    expect(slots.map(({ name }) => name)).not.toContain('again');
  });

  (canTrace ? test : test.skip)(
    'they are durable, and their directory and its name are, before the record',
    async () => {
      const log = path('trace');
      const words = ['-y', '-o', log, '-e', 'trace=fsync,link'];
      expect((await traced(cluster, words, add('durable', '2of2'))).code).toBe(0);
      const calls = (await readFile(log, 'utf8')).split('\n');
      const synced = (name: string): number =>
        calls.findIndex((call) => call.includes(` fsync(`) && call.includes(`<${name}>`));
      const record = calls.findIndex((call) => call.includes(' link(') && call.includes(`${cluster.keystore}/log/`));
      const last = calls.findLastIndex(
        (call) => call.includes(` fsync(`) && call.includes(`<${file('durable', 2, 2)}>`),
      );
      expect(last).toBeGreaterThanOrEqual(0);
      expect(calls.slice(last, record).some((call) => call.includes(`<${path('durable')}>`))).toBe(true);
      expect([synced(cluster.directory) >= 0, synced(cluster.directory) < record]).toEqual([true, true]);
    },
  );

  test('what fails after the record leaves them: they are all that opens the slot', async () => {
    const keystore = path('damaged');
    const own = { ...cluster.env, XDG_STATE_HOME: path('damaged-state'), CLUSTER_CA_KEYSTORE: keystore };
    await cp(cluster.keystore, keystore, { recursive: true });
    const der = ['crl', '--authority', 'root-g1', '--der', '--out', path('root.crl')];
    expect((await ca(der, { env: own })).code).toBe(0);
    const crl = await readFile(path('root.crl'));
    const object = `${keystore}/objects/${createHash('sha256').update(crl).digest('hex')}`;
    const mode = (await lstat(object)).mode & 0o777;
    await rm(object);
    await fails(ca, add('kept', '2of2'), 'ERR_KEYSTORE_TAMPERED', { env: own });
    const { slots } = await done<SlotsDocument>(ca, ['keystore', 'slot', 'list'], { env: own });
    expect(slots.map(({ name }) => name)).toContain('kept');
    await writeFile(object, crl, { mode });
    const without = { ...env, XDG_STATE_HOME: own.XDG_STATE_HOME, CLUSTER_CA_KEYSTORE: keystore };
    const both = cat(file('kept', 1, 2), file('kept', 2, 2));
    await done((args) => warmCli(args, { cwd: cluster.out, env: without }), ['crl', '--renew', ...both]);
  });

  test('--dry-run writes no share', async () => {
    await done(ca, add('dry', '2of3', '--dry-run'));
    expect(await readdir(cluster.directory)).not.toContain('dry');
  });
});
