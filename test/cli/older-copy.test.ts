import { chmod, chown, cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails, verdict, words } from './checks.ts';
import type { CheckDocument, ListDocument } from './documents.ts';
import { contents } from './tree.ts';

// Nothing inside one directory can tell an older copy of it: what was revoked since is valid in it. This user's anchor tells,
// and where some of the files are newer, public/head.

const cluster = await newCluster();
const { ca, keystore, out, directory, made } = cluster;
// To give a file to somebody else takes root.
const theirs = process.getuid?.() === 0 ? await newCluster({ name: 'theirs', uid: 12_345 }) : undefined;
const anchor = join(directory, 'state/cluster-ca/anchors', made.keystoreId);
const older = join(directory, 'older');
await done(ca, ['issue', 'n1', '--plane', 'data']);
await cp(keystore, older, { recursive: true });
await done(ca, ['revoke', 'n1', '--yes']);
await done(ca, ['issue', 'n2', '--plane', 'data']);
const seen = await readFile(anchor, 'utf8');

const READING = [
  ['list'],
  ['status'],
  ['verify', 'node:n1', '--plane', 'data'],
  ['verify', join(out, 'n1/data/cert.pem')],
  ['inspect', 'n1'],
  ['inspect', older],
  ['crl'],
  ['export', '--format', 'crl'],
  ['export', '--format', 'bundle'],
  ['audit', 'export'],
  ['audit', 'prove', join(out, 'n1/data/cert.pem'), '--checkpoint', '/nonexistent', '--out', join(out, 'proof')],
  ['keystore', 'slot', 'list'],
  ['rollover', 'status'],
  ['trust', 'list'],
];
const WRITING = [
  ['issue', 'n3', '--plane', 'data'],
  ['revoke', 'n1', '--yes'],
  ['crl', '--renew'],
  ['audit', 'checkpoint'],
  ['keystore', 'backup', '--out', join(out, 'of-an-older.backup')],
  ['rollover', 'start', '--issuing', '--yes'],
];

describe('with the anchor of this user', () => {
  test('an older copy is 13 for every verb that reads or writes it', async () => {
    const before = await contents(older);
    for (const args of [...READING, ...WRITING]) {
      const error = await fails(ca, [...args, '--keystore', older], 'ERR_KEYSTORE_ROLLED_BACK');
      expect([args, error.message]).toEqual([
        args,
        expect.stringMatching(/ends at record \d+, but this user's anchor/),
      ]);
      expect(error.hint).toContain('--accept-rollback');
    }
    for (const args of [
      ['audit', 'verify'],
      ['keystore', 'check'],
    ])
      await verdict(ca, [...args, '--keystore', older], 'ERR_KEYSTORE_ROLLED_BACK');
    expect(await contents(older)).toEqual(before);
    expect(await readFile(anchor, 'utf8')).toBe(seen);
  });

  test('--accept-rollback is the way out', async () => {
    const env = { XDG_STATE_HOME: join(directory, 'state-of-the-restored') };
    await cp(join(directory, 'state'), env.XDG_STATE_HOME, { recursive: true });
    const place = join(directory, 'restored');
    await cp(older, place, { recursive: true });
    await fails(ca, ['list', '--keystore', place], 'ERR_KEYSTORE_ROLLED_BACK', { env });
    await done(ca, ['keystore', 'check', '--accept-rollback', '--confirm', 'orders', '--keystore', place], { env });
    const { certificates } = await done<ListDocument>(ca, ['list', '--keystore', place], { env });
    expect(certificates.map(({ status }) => status)).toEqual(['valid']);
    await done(ca, ['issue', 'n3', '--plane', 'data', '--keystore', place], { env });
  });

  test('a damaged one is not taken for none, nor overwritten: 13, until it is accepted by name', async () => {
    const env = { XDG_STATE_HOME: join(directory, 'state-damaged') };
    const damaged = join(env.XDG_STATE_HOME, 'cluster-ca/anchors', made.keystoreId);
    await cp(join(directory, 'state'), env.XDG_STATE_HOME, { recursive: true });
    await writeFile(damaged, seen.slice(0, 20));
    for (const args of [['list'], ['crl'], ['issue', 'n3', '--plane', 'data']])
      expect((await fails(ca, args, 'ERR_KEYSTORE_TAMPERED', { env })).message).toContain(
        `the anchor ${damaged} is damaged`,
      );
    await verdict(ca, ['audit', 'verify'], 'ERR_KEYSTORE_TAMPERED', { env });
    const checked = await verdict<CheckDocument>(ca, ['keystore', 'check'], 'ERR_KEYSTORE_TAMPERED', { env });
    expect(checked.findings.map(({ file }) => file)).toEqual([damaged]);
    expect(await readFile(damaged, 'utf8')).toBe(seen.slice(0, 20));
    await done(ca, ['keystore', 'check', '--accept-rollback', '--confirm', 'orders'], { env });
    expect(await readFile(damaged, 'utf8')).toBe(seen);
    await done(ca, ['list'], { env });
  });

  (theirs ? test : test.skip)('one that is not theirs to read: a warning, and it stays', async () => {
    if (theirs === undefined) throw new Error('not root');
    const path = join(theirs.directory, 'state/cluster-ca/anchors', theirs.made.keystoreId);
    await chown(path, 0, 0);
    await chmod(path, 0o600);
    const before = await readFile(path, 'utf8');
    const issued = await theirs.alone(['issue', 'n1', '--plane', 'data']);
    expectExit(issued, 0);
    expect(issued.stderr.split('\n').filter((line) => line.includes('anchor'))).toEqual([
      `cluster-ca: warning: the anchor ${path} cannot be read (EACCES): an older copy of the keystore would look the same`,
    ]);
    expect(await readFile(path, 'utf8')).toBe(before);
  });
});

describe('without one', () => {
  const copied = async (name: string) => {
    const place = join(directory, name);
    await cp(older, place, { recursive: true });
    return place;
  };

  test('whoever reads is told nothing of it; whoever writes, once, and never on standard output', async () => {
    const place = await copied('unseen');
    const env = { XDG_STATE_HOME: await cluster.dir('no-state') };
    const read = await ca(['list', '--keystore', place], { env });
    expectExit(read, 0);
    expect(read.stderr).toBe('');
    const issue = (node: string, more: Record<string, string>) =>
      ca(['issue', node, '--plane', 'data', '--keystore', place], { env: { ...env, ...more } });
    const told = async (node: string, more: Record<string, string> = {}) => {
      const { code, stdout, stderr } = await issue(node, more);
      expect([node, code, stdout.includes('anchor')]).toEqual([node, 0, false]);
      return stderr.split('\n').filter((line) => line.includes('anchor'));
    };
    expect(await told('n4')).toEqual([
      'cluster-ca: warning: there is no anchor of this keystore here: an older copy of it would look the same',
    ]);
    expect(await told('n5')).toEqual([]);
    // As in a container: no home at all.
    const nowhere = { XDG_STATE_HOME: '', HOME: '' };
    expect(await told('n6', nowhere)).toEqual([
      'cluster-ca: warning: there is no home directory for the anchor: a rollback of the keystore would go unnoticed',
    ]);
  });

  test('public/head tells of records that are gone, and is not overwritten', async () => {
    const place = await copied('behind-its-head');
    const env = { XDG_STATE_HOME: await cluster.dir('no-state-either') };
    const head = join(place, 'public/head');
    const whole = await readFile(head, 'utf8');
    for (const text of [`99:${'0'.repeat(64)}\n`, `1:${'0'.repeat(64)}\n`]) {
      await writeFile(head, text);
      for (const args of [['list'], ['crl'], ['issue', 'n4', '--plane', 'data']])
        expect(words(await fails(ca, [...args, '--keystore', place], 'ERR_KEYSTORE_ROLLED_BACK', { env }))).toContain(
          'public/head',
        );
      expect(await readFile(head, 'utf8')).toBe(text);
      await done(ca, ['keystore', 'check', '--accept-rollback', '--confirm', 'orders', '--keystore', place], { env });
      expect(await readFile(head, 'utf8')).toBe(whole);
      await rm(env.XDG_STATE_HOME, { recursive: true });
    }
    await writeFile(head, `99:${'0'.repeat(64)}\n`);
    await done(ca, ['keystore', 'check', '--repair', '--keystore', place], { env });
    await done(ca, ['list', '--keystore', place], { env });
  });
});
