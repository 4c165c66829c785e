import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails, words } from './checks.ts';
import type { CheckDocument, SlotsDocument } from './documents.ts';
import { tree } from './tree.ts';

// keystore rewrap: new master keys, by the cluster's name.
const cluster = await newCluster();
const apart = await newCluster({ name: 'apart', init: ['--root-keystore', 'medium'] });
const { ca } = cluster;
const path = (name: string): string => join(cluster.directory, name);

interface RewrapDocument extends SlotsDocument {
  domains: { domain: string; epoch: number }[];
  dropped: SlotsDocument['slots'];
  backups: { id: string; createdAt: string; root: boolean }[];
  dryRun?: true;
}

describe('keystore rewrap', () => {
  test('is severe: the cluster’s name, not --yes', async () => {
    await writeFile(path('laptop.pass'), 'a passphrase that gets known\n', { mode: 0o600 });
    await done(ca, ['keystore', 'slot', 'add', 'laptop', '--new-passphrase-file', path('laptop.pass')]);
    await done(ca, ['keystore', 'backup', '--out', path('before.backup')]);
    const before = await tree(cluster.keystore);
    const error = await fails(ca, ['keystore', 'rewrap', '--yes'], 'ERR_INPUT_REQUIRED');
    expect(words(error)).toContain('laptop');
    expect(error.hint).toContain('--confirm orders');
    await fails(ca, ['keystore', 'rewrap', '--confirm', 'other'], 'ERR_CANCELLED');
    expect(await tree(cluster.keystore)).toEqual(before);
  });

  test('--dry-run names what falls away and the backups, and changes nothing', async () => {
    const before = await tree(cluster.keystore);
    const plan = await done<RewrapDocument>(ca, ['keystore', 'rewrap', '--dry-run']);
    expect(plan.dryRun).toBe(true);
    expect(plan.dropped.map(({ name }) => name)).toEqual(['laptop']);
    expect(plan.backups).toHaveLength(1);
    expect(await tree(cluster.keystore)).toEqual(before);
  });

  test('what was given opens, what was not does not, and the CA goes on', async () => {
    await done(ca, ['issue', 'n1']);
    const made = await done<RewrapDocument>(ca, ['keystore', 'rewrap', '--confirm', 'orders']);
    expect(made.domains).toEqual([
      { domain: 'daily', epoch: 2 },
      { domain: 'root', epoch: 2 },
    ]);
    expect(made.slots.map(({ kind }) => kind)).toEqual(['key-file', 'key-file']);
    expect(made.dropped.map(({ name }) => name)).toEqual(['laptop']);
    const { CLUSTER_CA_KEY_FILE: _, ...env } = cluster.env;
    const old = await ca(['crl', '--renew', '--passphrase-file', path('laptop.pass')], {
      env: { ...env, CLUSTER_CA_KEY_FILE: path('none') },
    });
    expect([2, 12]).toContain(old.code);
    await done(ca, ['issue', 'n2']);
    await done(ca, ['crl', '--renew', '--authority', 'root-g1']);
    const check = await done<CheckDocument>(ca, ['keystore', 'check']);
    expect([check.valid, check.unsealed]).toEqual([true, true]);
    await done(ca, ['audit', 'verify']);
    expect(await readdir(join(cluster.keystore, 'sealed'))).toHaveLength(3);
  });

  test('a backup made afterwards is restored whole', async () => {
    await done(ca, ['keystore', 'backup', '--out', path('after.backup')]);
    await done(ca, ['keystore', 'restore', path('after.backup'), '--keystore', path('restored')]);
    const check = await done<CheckDocument>(ca, ['keystore', 'check', '--keystore', path('restored')]);
    expect([check.unsealed, check.findings]).toEqual([true, []]);
    const text = await ca(['keystore', 'rewrap', '--confirm', 'orders']);
    expectExit(text, 0);
    expect(text.stdout).toContain('these backups hold the same private keys');
    expect(text.stdout).toContain('start cluster-ca serve again');
  });
});

describe('a root domain that is kept elsewhere', () => {
  const medium = join(apart.out, 'medium');
  test('keeps its master key where its medium is not at hand, with a warning', async () => {
    const before = await tree(medium);
    const made = await done<RewrapDocument>(apart.ca, ['keystore', 'rewrap', '--confirm', 'apart']);
    expect(made.domains).toEqual([{ domain: 'daily', epoch: 2 }]);
    expect(made.warnings?.join()).toContain('--root-keystore');
    expect(await tree(medium)).toEqual(before);
  });

  test('gets one where it is', async () => {
    const root = ['--root-keystore', medium];
    const made = await done<RewrapDocument>(apart.ca, ['keystore', 'rewrap', '--confirm', 'apart', ...root]);
    expect(made.domains.map(({ epoch }) => epoch)).toEqual([3, 2]);
    expect(await readdir(join(medium, 'sealed'))).toEqual([expect.stringMatching(/\.2$/)]);
    await done(apart.ca, ['crl', '--renew', '--authority', 'root-g1', ...root]);
    expect((await done<CheckDocument>(apart.ca, ['keystore', 'check', ...root])).findings).toEqual([]);
    expect((await readFile(join(medium, 'KEYSTORE'))).length).toBeGreaterThan(0);
  });
});
