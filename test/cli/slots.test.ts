import { chmod, lstat, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { RunOptions } from '../support/cli.ts';
import { newCluster, newPlace } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { done, fails } from './checks.ts';
import type { SlotsDocument } from './documents.ts';
import { tree } from './tree.ts';

// keystore passphrase, keystore slot add|list|remove.
const cluster = await newCluster();
const place = await newPlace('passphrase');
const { ca } = cluster;
const path = (name: string): string => join(cluster.directory, name);
const slots = async (): Promise<SlotsDocument['slots']> =>
  (await done<SlotsDocument>(ca, ['keystore', 'slot', 'list'])).slots;
/** Opens the daily domain by these words. */
const opens = ['crl', '--renew'];

describe('keystore slot', () => {
  test('list: one slot in each domain, readable without a secret', async () => {
    const { slots: found } = await done<SlotsDocument>(ca, ['keystore', 'slot', 'list'], {
      env: { CLUSTER_CA_KEY_FILE: '/nonexistent/key' },
    });
    expect(found.map(({ domain }) => domain).sort()).toEqual(['daily', 'root']);
    for (const slot of found)
      expect(slot).toMatchObject({
        name: expect.stringMatching(/\S/),
        kind: expect.stringMatching(/key.?file/i),
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      });
  });

  test('add NAME --new-key-file: makes the file, 0600, and it opens', async () => {
    await done(ca, ['keystore', 'slot', 'add', 'ci', '--new-key-file', path('ci.key')]);
    expect(await readFile(path('ci.key'))).toHaveLength(32);
    expect((await lstat(path('ci.key'))).mode & 0o777).toBe(0o600);
    expect((await slots()).find(({ name }) => name === 'ci')?.domain).toBe('daily');
    await done(ca, opens, { env: { CLUSTER_CA_KEY_FILE: path('ci.key') } });
  });

  test('hints are of the keystore that was named', async () => {
    const on = ['--keystore', path("it's.ca"), '--key-file', path('named.key')];
    await done(ca, ['init', 'named', ...on]);
    const added = await ca(['keystore', 'slot', 'add', 'x', '--new-key-file', path('x.key'), ...on]);
    const quoted = `--keystore '${path("it's.ca").replace("'", "'\\''")}'`;
    expect(added.stdout).toContain(`\nnext: cluster-ca keystore backup ${quoted} --out FILE`);
    const absent = await ca(['keystore', 'slot', 'remove', 'none', ...on]);
    expect([absent.code, absent.stderr]).toEqual([
      6,
      expect.stringContaining(`cluster-ca keystore slot list ${quoted}\n`),
    ]);
    const last = await ca(['keystore', 'slot', 'remove', 'key-file', '--domain', 'root', ...on]);
    expect([last.code, last.stderr]).toEqual([6, expect.stringContaining(`--domain root ${quoted}\n`)]);
  });

  test('add NAME --new-passphrase-file, and it opens', async () => {
    await writeFile(path('new.pass'), 'another passphrase\n', { mode: 0o600 });
    await done(ca, ['keystore', 'slot', 'add', 'human', '--new-passphrase-file', path('new.pass')]);
    expect((await slots()).find(({ name }) => name === 'human')?.kind).toMatch(/passphrase/);
    const env: Record<string, string> = { ...cluster.env };
    delete env.CLUSTER_CA_KEY_FILE;
    await done(
      (args, options: RunOptions = {}) => warmCli(args, { ...options, env }),
      [...opens, '--passphrase-file', path('new.pass')],
    );
  });

  test('a daily slot does not open the root domain', async () => {
    const root = cluster.made.authorities.find(({ role }) => role === 'root')?.id ?? '';
    const result = await ca(['crl', '--renew', '--authority', root, '--json'], {
      env: { CLUSTER_CA_KEY_FILE: path('ci.key') },
    });
    expect([2, 12]).toContain(result.code);
    expect(result.stdout).toBe('');
  });

  test('add --domain root', async () => {
    await done(ca, ['keystore', 'slot', 'add', 'vault', '--domain', 'root', '--new-key-file', path('vault.key')]);
    expect((await slots()).find(({ name }) => name === 'vault')?.domain).toBe('root');
  });

  test('add of a name that is there: 6', async () => {
    await fails(ca, ['keystore', 'slot', 'add', 'ci', '--new-key-file', path('ci2.key')], 6);
  });

  test('add changes not a byte under --dry-run', async () => {
    const before = await tree(cluster.directory);
    const args = ['keystore', 'slot', 'add', 'dry', '--new-key-file', path('dry.key'), '--dry-run'];
    expect(await done(ca, args)).toMatchObject({ dryRun: true });
    expect(await tree(cluster.directory)).toEqual(before);
  });

  test('remove NAME: it opens no more', async () => {
    await done(ca, ['keystore', 'slot', 'remove', 'ci']);
    expect((await slots()).map(({ name }) => name)).not.toContain('ci');
    await fails(ca, opens, 'ERR_PASSPHRASE', { env: { CLUSTER_CA_KEY_FILE: path('ci.key') } });
    await done(ca, opens);
    await done(ca, ['keystore', 'check']);
  });

  test('remove of a name that is not known: 6', async () => {
    await fails(ca, ['keystore', 'slot', 'remove', 'nobody'], 6);
  });

  test('never the last of a domain: 6', async () => {
    await done(ca, ['keystore', 'slot', 'remove', 'vault']);
    const root = (await slots()).filter(({ domain }) => domain === 'root');
    expect(root).toHaveLength(1);
    await fails(ca, ['keystore', 'slot', 'remove', root[0]?.name ?? '', '--domain', 'root'], 6);
    expect((await slots()).filter(({ domain }) => domain === 'root')).toEqual(root);
  });

  test.each([
    ['no secret for the new slot', ['add', 'more']],
    ['no name', ['add', '--new-key-file', 'x.key']],
    ['an unknown domain', ['add', 'more', '--domain', 'weekly', '--new-key-file', 'x.key']],
    ['an illegal name', ['add', '../more', '--new-key-file', 'x.key']],
    ['no verb', []],
    ['another verb', ['rename', 'a', 'b']],
  ])('%s: 2', async (_, args) => {
    await fails(ca, ['keystore', 'slot', ...args], 2);
  });

  test('a short new passphrase: 5', async () => {
    const args = ['keystore', 'slot', 'add', 'short', '--new-passphrase-fd', '3'];
    await fails(ca, args, 5, { descriptors: ['too short'] });
  });

  test('a new key file that the group can read: 13', async () => {
    await writeFile(path('open.key'), Buffer.alloc(32, 7));
    await chmod(path('open.key'), 0o640);
    await fails(ca, ['keystore', 'slot', 'add', 'open', '--new-key-file', path('open.key')], 13);
  });
});

describe('keystore passphrase', () => {
  test('the new one opens, the old one does not', async () => {
    const env = { ...place.env, CLUSTER_CA_KEYSTORE: join(place.directory, 'keystore') };
    const run = (args: string[], options: RunOptions = {}) => warmCli(args, { ...options, env, cwd: place.directory });
    const [old, fresh] = ['the old passphrase', 'the new passphrase'];
    await done(run, ['init', 'orders', '--passphrase-fd', '3'], { descriptors: [old] });
    const change = ['keystore', 'passphrase', '--passphrase-fd', '3', '--new-passphrase-fd', '4'];
    await fails(run, change, 12, { descriptors: ['not the passphrase', fresh] });
    await fails(run, change, 5, { descriptors: [old, 'short'] });
    await done(run, change, { descriptors: [old, fresh] });
    const renew = [...opens, '--passphrase-fd', '3'];
    await fails(run, renew, 'ERR_PASSPHRASE', { descriptors: [old] });
    await done(run, renew, { descriptors: [fresh] });
    await done(run, ['keystore', 'check', '--passphrase-fd', '3'], { descriptors: [fresh] });
    await fails(run, ['keystore', 'passphrase', '--passphrase-fd', '3'], 'ERR_INPUT_REQUIRED', {
      descriptors: [fresh],
    });
  });
});
