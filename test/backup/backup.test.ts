import { cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { placeBackup } from '../../src/backup/place.ts';
import { ResultFile, SECRET_RESULT } from '../../src/placement/result-file.ts';
import { done, expectExit, fails } from '../cli/checks.ts';
import type { AuditDocument, CheckDocument, IssueDocument, ListDocument } from '../cli/documents.ts';
import { canTrace, traced } from '../cli/strace.ts';
import { type Cluster, newCluster } from '../support/clusters.ts';

const PASSPHRASE = 'correct horse battery staple';
const cluster = await newCluster();
const { ca, directory, keystore } = cluster;
const { keystoreId } = cluster.made;
await done(ca, ['issue', 'n1', 'n2']);
await done(ca, ['revoke', 'n2', '--yes']);
const at = (name: string): string => join(directory, name);
const fresh = (): string => at(`restored-${Math.random().toString(36).slice(2)}`);
const first = at('first.backup');
const medium = at('medium');
const apart = await newCluster({ name: 'apart', init: ['--root-keystore', medium] });
const backedUp = await done<{ files: string[] }>(ca, ['keystore', 'backup', '--out', first]);
const headerOf = async (path: string) => JSON.parse((await readFile(path, 'latin1')).split('\n')[0] as string);
/** The records of backups in a cluster's log. */
const recorded = async (of: Cluster): Promise<{ id: string; root: boolean }[]> =>
  (await of.ca(['audit', 'export'])).stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ op }) => op === 'backup')
    .map(({ body }) => body);
/** Runs on a keystore that is not the cluster's own, with other anchors where asked for. */
const on = (place: string, args: string[], env = {}) =>
  ca([...args, '--keystore', place, '--json'], { env }).then((result) => {
    expectExit(result, 0);
    return result.json();
  });

describe('keystore backup', () => {
  test('one file, 0600, and nothing else', async () => {
    expect(backedUp.files).toEqual([first]);
    expect((await stat(first)).mode & 0o777).toBe(0o600);
    expect((await readdir(directory)).filter((name) => name.includes('.cluster-ca.'))).toEqual([]);
  });

  test('what it holds cannot be read in it', async () => {
    const bytes = await readFile(first);
    for (const name of ['"node"', 'redis', 'BEGIN', 'issuing-g1.1'])
      expect([name, bytes.includes(name)]).toEqual([name, false]);
    // What SECURITY.md's R4 names, and no more: the salts and the sealed key of the file say nothing.
    const { cluster: name, keystore: of, id, createdAt, kind, kdf, sealed, ...rest } = await headerOf(first);
    expect([name, of, kind]).toEqual(['orders', keystoreId, 'key-file']);
    expect([id, createdAt, kdf, sealed].every((part) => part !== undefined)).toBe(true);
    expect(rest).toEqual({ v: 1, type: 'cluster-ca backup' });
  });

  test('the log says that and when it was made, and status does', async () => {
    expect(await recorded(cluster)).toEqual([{ id: (await headerOf(first)).id, root: true }]);
    const status = await done<{ backup: object; alerts: { name: string }[] }>(ca, ['status']);
    expect(status.backup).toMatchObject({ at: expect.stringMatching(/^\d{4}-/), root: true });
    expect(status.alerts.map(({ name }) => name)).not.toContain('keystore_never_backed_up');
  });

  test('is never overwritten; needs a place: 6, 2, 14', async () => {
    await fails(ca, ['keystore', 'backup', '--out', first], 'ERR_EXISTS');
    await fails(ca, ['keystore', 'backup'], 2);
    await fails(ca, ['keystore', 'backup', '--out', '-'], 2);
    await fails(ca, ['keystore', 'backup', '--out', join(keystore, 'b')], 2);
    await fails(ca, ['keystore', 'backup', '--out', at('no/such/file')], 14);
  });

  test('inside the keystore or the root keystore, by a link too: 2; a link that leads nowhere is something: 6', async () => {
    await symlink(apart.keystore, at('to-keystore'));
    await symlink(at('nowhere'), at('dangling'));
    const backup = (...args: string[]) => ['keystore', 'backup', ...args, '--out'];
    await fails(apart.ca, [...backup(), at('to-keystore/objects/b')], 'ERR_USAGE');
    await fails(apart.ca, [...backup('--root-keystore', medium), join(medium, 'b')], 'ERR_USAGE');
    const start = ['rollover', 'start', '--root-keystore', medium, '--backup', join(medium, 'b'), '--yes'];
    await fails(apart.ca, start, 'ERR_USAGE');
    const before = await recorded(apart);
    await fails(apart.ca, [...backup(), at('dangling')], 'ERR_EXISTS');
    expect(await recorded(apart)).toEqual(before);
  });

  test('two at once to the same place: one is made and recorded, the other is refused: 6', async () => {
    const path = at('twice.backup');
    const before = (await recorded(apart)).length;
    const runs = await Promise.all([1, 2].map(() => apart.alone(['keystore', 'backup', '--out', path, '--json'])));
    expect(runs.map(({ code }) => code).sort()).toEqual([0, 6]);
    expect(runs.find(({ code }) => code === 6)?.error().error.code).toBe('ERR_EXISTS');
    expect((await recorded(apart)).slice(before)).toEqual([{ id: (await headerOf(path)).id, root: false }]);
  });

  test('what took the name in the last moment stays as it is', async () => {
    const path = at('taken.backup');
    const file = await ResultFile.open(path, SECRET_RESULT);
    await writeFile(path, 'another');
    await expect(placeBackup(file)).rejects.toMatchObject({ code: 'ERR_EXISTS' });
    expect(await readFile(path, 'utf8')).toBe('another');
    expect((await readdir(directory)).filter((name) => name.includes('.cluster-ca.'))).toEqual([]);
  });

  (canTrace ? test : test.skip)('where there are no hard links it is made too', async () => {
    const path = at('fat.backup');
    const words = ['-o', '/dev/null', '-e', 'trace=link', '-P', path, '-e', 'inject=link:error=EPERM'];
    expectExit(await traced(apart, words, ['keystore', 'backup', '--out', path]), 0);
    expect((await recorded(apart)).at(-1)?.id).toBe((await headerOf(path)).id);
  });

  test('a failed one is not recorded', async () => {
    const before = (await done<AuditDocument>(ca, ['audit', 'verify'])).head;
    await ca(['keystore', 'backup', '--out', at('no/such/file')]);
    expect((await done<AuditDocument>(ca, ['audit', 'verify'])).head).toBe(before);
  });

  test('of a damaged keystore: 13, no file, no record', async () => {
    const copy = at('damaged');
    await cp(keystore, copy, { recursive: true });
    const [object = ''] = await readdir(join(copy, 'objects'));
    await writeFile(join(copy, 'objects', object), 'x');
    const path = at('damaged.backup');
    await fails(ca, ['keystore', 'backup', '--keystore', copy, '--out', path], 13);
    await expect(stat(path)).rejects.toThrow();
  });

  test('--dry-run needs no secret and writes nothing', async () => {
    const env = { CLUSTER_CA_KEY_FILE: '/nonexistent/key' };
    const path = at('dry.backup');
    const document = await done(ca, ['keystore', 'backup', '--out', path, '--dry-run'], { env });
    expect(document).toMatchObject({ files: [path], dryRun: true });
    await expect(stat(path)).rejects.toThrow();
  });
});

describe('keystore restore', () => {
  test('the same keystore: log, certificates, keys', async () => {
    const place = fresh();
    const restored = await on(place, ['keystore', 'restore', first]);
    expect(restored).toMatchObject({ cluster: 'orders', keystore: place, files: [place] });
    expect(await on(place, ['keystore', 'check'])).toMatchObject({ valid: true, unsealed: true } as CheckDocument);
    const list: ListDocument = await on(place, ['list', '--all']);
    expect(list.certificates).toEqual((await done<ListDocument>(ca, ['list', '--all'])).certificates);
    expect((await stat(place)).mode & 0o777).toBe(0o700);
    expect(await readFile(join(place, 'public/crl.pem'), 'utf8')).toBe(
      await readFile(join(keystore, 'public/crl.pem'), 'utf8'),
    );
  });

  test('by the one who made it, nothing is lost: the backup has its own record', async () => {
    const place = fresh();
    const { head } = await on(place, ['keystore', 'restore', first]);
    expect((await on(place, ['audit', 'verify'])).head).toBe(head);
    expect((await on(place, ['status'])).backup).toMatchObject({ recordsSince: 0 });
  });

  test('can go on issuing', async () => {
    const place = fresh();
    const env = { XDG_STATE_HOME: await cluster.dir('elsewhere') };
    const { warnings } = await on(place, ['keystore', 'restore', first], env);
    expect(warnings.join()).toContain('no anchor');
    await on(place, ['issue', 'n3', '--plane', 'data', '--out', at('out-restored')], env);
    expect(await on(place, ['keystore', 'check'], env)).toMatchObject({ valid: true });
  });

  test('a place that is taken: 6, and it stays as it is', async () => {
    await fails(ca, ['keystore', 'restore', first], 'ERR_EXISTS');
    const place = fresh();
    await mkdir(place, { mode: 0o700 });
    await writeFile(join(place, 'file'), 'x');
    await fails(ca, ['keystore', 'restore', first, '--keystore', place], 'ERR_EXISTS');
    expect(await readdir(place)).toEqual(['file']);
  });

  test('places inside one another: 2, as for init, and nothing is there', async () => {
    const place = fresh();
    await mkdir(at('holds-nothing'), { mode: 0o700 });
    await symlink(at('holds-nothing'), at('leads-there'));
    for (const [main, root] of [
      [place, join(place, 'root')],
      [join(place, 'keystore'), place],
      [place, place],
      [at('holds-nothing'), at('leads-there/root')],
    ] as const)
      for (const more of [[], ['--dry-run']]) {
        const restore = ['keystore', 'restore', first, '--keystore', main, '--root-keystore', root, ...more];
        expect((await fails(ca, restore, 'ERR_USAGE')).message).toContain('inside one another');
      }
    await fails(
      ca,
      ['init', 'x', '--keystore', at('holds-nothing'), '--root-keystore', at('leads-there/root')],
      'ERR_USAGE',
    );
    await expect(stat(place)).rejects.toThrow();
    expect(await readdir(at('holds-nothing'))).toEqual([]);
  });

  test('an older backup than what was seen: 13; --accept-loss by name', async () => {
    await done(ca, ['issue', 'later', '--plane', 'data']);
    const place = fresh();
    const args = ['keystore', 'restore', first, '--keystore', place];
    await fails(ca, args, 'ERR_KEYSTORE_ROLLED_BACK');
    await fails(ca, [...args, '--yes'], 'ERR_KEYSTORE_ROLLED_BACK');
    await fails(ca, [...args, '--accept-loss', '--yes'], 'ERR_INPUT_REQUIRED');
    await expect(stat(place)).rejects.toThrow();
    const env = { XDG_STATE_HOME: at('state-copy') };
    await cp(cluster.env.XDG_STATE_HOME as string, env.XDG_STATE_HOME, { recursive: true });
    const { warnings } = await on(place, ['keystore', 'restore', first, '--accept-loss', '--confirm', 'orders'], env);
    expect(warnings.join()).toContain('what was revoked since is not revoked here (revoke it again)');
    expect(await on(place, ['audit', 'verify'], env)).toMatchObject({ valid: true, rollbackChecked: true });
    await on(place, ['crl', '--renew'], env);
  });

  test('without an anchor: by a CRL that a server has, 13, and each revocation it would drop is named', async () => {
    const env = { XDG_STATE_HOME: at('of-nobody') };
    const before = at('before.crl.pem');
    const newest = at('newest.crl.pem');
    const backup = at('crls.backup');
    await done(ca, ['keystore', 'backup', '--out', backup]);
    await cp(join(keystore, 'public/crl.pem'), before);
    const { certificates } = await done<IssueDocument>(ca, ['issue', 'behind', '--plane', 'data']);
    await done(ca, ['revoke', 'behind', '--yes']);
    await done(ca, ['revoke', 'n1', '--plane', 'data', '--reason', 'keyCompromise', '--yes']);
    await cp(join(keystore, 'public/crl.pem'), newest);
    const [behind] = certificates;
    const n1 = (await done<ListDocument>(ca, ['list', '--all'])).certificates.find(
      ({ node, status }) => node === 'n1' && status === 'revoked',
    );
    const dropped = [
      { serial: behind?.serial, reason: 'unspecified' },
      { serial: n1?.serial, reason: 'keyCompromise', node: 'n1' },
    ].map((one) => expect.objectContaining({ authority: 'issuing-g1.1', ...one }));

    expect(await on(fresh(), ['keystore', 'restore', backup, '--crl', before], env)).toMatchObject({ dropped: [] });
    const place = fresh();
    const args = ['keystore', 'restore', backup, '--crl', before, '--crl', newest];
    const refused = await fails(ca, [...args, '--keystore', place], 'ERR_KEYSTORE_ROLLED_BACK', { env });
    expect(refused.details?.dropped).toEqual(expect.arrayContaining(dropped));
    await expect(stat(place)).rejects.toThrow();
    const restored = await on(place, [...args, '--accept-loss', '--confirm', 'orders'], env);
    expect(restored.dropped).toEqual(expect.arrayContaining(dropped));
    expect(restored.dropped).toHaveLength(2);
    // As it says, one after the other; then nothing is lacking.
    for (const { serial, authority, reason } of restored.dropped)
      await on(place, ['revoke', `serial:${serial}`, '--authority', authority, '--reason', reason, '--yes'], env);
    const again = at('again.backup');
    await on(place, ['keystore', 'backup', '--out', again], env);
    expect(await on(fresh(), ['keystore', 'restore', again, '--crl', newest], env)).toMatchObject({ dropped: [] });
  });

  test('a CRL of another cluster, and a file that is none: 2 and 9, and nothing is there', async () => {
    const place = fresh();
    const args = ['keystore', 'restore', first, '--keystore', place, '--crl'];
    await fails(ca, [...args, first], 'ERR_CONFIG');
    await fails(ca, [...args, join(apart.keystore, 'public/crl.pem')], 'ERR_POLICY');
    await expect(stat(place)).rejects.toThrow();
  });

  test('--dry-run says whether it would, and leaves nothing', async () => {
    const place = fresh();
    const env = { XDG_STATE_HOME: at('empty') };
    expect(await on(place, ['keystore', 'restore', first, '--dry-run'], env)).toMatchObject({ dryRun: true });
    await expect(stat(place)).rejects.toThrow();
    await expect(stat(env.XDG_STATE_HOME)).rejects.toThrow();
  });

  test('a wrong secret: 12; none: 2', async () => {
    const place = ['--keystore', fresh()];
    await writeFile(at('wrong.key'), Buffer.alloc(32), { mode: 0o600 });
    await fails(ca, ['keystore', 'restore', first, ...place, '--key-file', at('wrong.key')], 'ERR_PASSPHRASE');
    const env = { CLUSTER_CA_KEY_FILE: undefined as unknown as string };
    await fails(ca, ['keystore', 'restore', first, ...place], 'ERR_INPUT_REQUIRED', { env });
  });

  test('a file that is none: 2; one that was changed or cut off: 13, and nothing is left', async () => {
    const place = fresh();
    const restore = (file: string) => ['keystore', 'restore', file, '--keystore', place];
    await writeFile(at('junk'), 'junk\n');
    for (const file of [at('junk'), at('absent'), directory]) await fails(ca, restore(file), 2);
    const bytes = await readFile(first);
    const changed = Buffer.from(bytes);
    changed[bytes.length - 40] = (changed[bytes.length - 40] as number) ^ 1;
    const header = Buffer.from(bytes.toString('latin1').replace('"orders"', '"others"'), 'latin1');
    for (const [i, content] of [changed, bytes.subarray(0, -100), header].entries()) {
      await writeFile(at(`changed-${i}`), content);
      await fails(ca, restore(at(`changed-${i}`)), 13);
    }
    await expect(stat(place)).rejects.toThrow();
    expect((await readdir(directory)).filter((name) => name.startsWith('.cluster-ca.'))).toEqual([]);
  });
});

test('a secret of its own opens it, and the keystore’s no longer does', async () => {
  const file = at('own.backup');
  await writeFile(at('own'), PASSPHRASE, { mode: 0o600 });
  await done(ca, ['keystore', 'backup', '--out', file, '--new-passphrase-file', at('own')]);
  const place = fresh();
  await fails(ca, ['keystore', 'restore', file, '--keystore', place], 'ERR_PASSPHRASE');
  await on(place, ['keystore', 'restore', file, '--passphrase-file', at('own')]);
  const other = at('other.backup');
  await done(ca, ['keystore', 'backup', '--out', other, '--new-key-file', at('backup.key')]);
  expect((await readFile(at('backup.key'))).length).toBe(32);
  await on(fresh(), ['keystore', 'restore', other, '--key-file', at('backup.key')]);
});

describe('a root domain that is kept elsewhere', () => {
  test('in the backup when it is at hand, and said when it is not', async () => {
    const without = join(apart.directory, 'without');
    const { warnings } = await done(apart.ca, ['keystore', 'backup', '--out', without]);
    expect(warnings?.join()).toContain('root domain is kept elsewhere');
    const whole = join(apart.directory, 'whole');
    await done(apart.ca, ['keystore', 'backup', '--out', whole, '--root-keystore', medium]);
    await rm(apart.keystore, { recursive: true });
    const verbose = await done(apart.ca, ['keystore', 'restore', whole]);
    expect(verbose.warnings?.join()).toContain('--root-keystore');
    await rm(apart.keystore, { recursive: true });
    await rm(medium, { recursive: true });
    await done(apart.ca, ['keystore', 'restore', whole, '--root-keystore', medium]);
    // Killed between its two renames, a restore leaves the root at its place: the next one finds it whole, and leaves it.
    await rm(apart.keystore, { recursive: true });
    const slot = join(medium, 'slots', (await readdir(join(medium, 'slots')))[0] as string);
    const before = await stat(slot);
    await done(apart.ca, ['keystore', 'restore', whole, '--root-keystore', medium]);
    expect((await stat(slot)).ino).toBe(before.ino);
    await rm(apart.keystore, { recursive: true });
    const bytes = await readFile(slot);
    await writeFile(slot, 'changed');
    const other = await apart.ca(['keystore', 'restore', whole, '--root-keystore', medium]);
    expect([other.code, other.stderr]).toEqual([6, expect.stringContaining(`are at ${medium} already`)]);
    expect((await readFile(slot)).toString()).toBe('changed');
    await writeFile(slot, bytes);
    await done(apart.ca, ['keystore', 'restore', whole, '--root-keystore', medium]);
    const check = ['keystore', 'check', '--root-keystore', medium];
    expect(await done<CheckDocument>(apart.ca, check)).toMatchObject({ valid: true });
    await done(apart.ca, ['crl', '--renew', '--authority', 'root-g1', '--root-keystore', medium]);
    await fails(apart.ca, ['keystore', 'restore', without, '--keystore', fresh()], 'ERR_KEYSTORE_ROLLED_BACK');
  });
});
