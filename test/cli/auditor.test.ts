import { spawnSync } from 'node:child_process';
import { chmod, chown, cp, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { RunOptions } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { document, done, expectExit, fails } from './checks.ts';
import type { CheckDocument } from './documents.ts';
import { tree } from './tree.ts';

// Rule 12: reading verbs on somebody else's copy and on a read-only mount. They need root to set the scene.
const root = process.getuid?.() === 0;
const AUDITOR = 12_345;
const mounts: string[] = [];
const mount = (...args: string[]): boolean => {
  const done = spawnSync('mount', args).status === 0;
  if (done) mounts.push(args.at(-1) ?? '');
  return done;
};
// Registered before the scratch directory is: it must be unmounted before that is removed.
afterAll(() => {
  for (const path of mounts.reverse()) spawnSync('umount', [path]);
});
const cluster = await newCluster({ init: ['--allow-group-read'] });
const { ca, keystore, directory } = cluster;

await done(ca, ['issue', 'n1']);
await done(ca, ['issue', '--client', 'app']);
await done(ca, ['issue', 'n2', '--plane', 'data']);
await done(ca, ['revoke', 'n2', '--yes']);
const serial = (await done<{ certificates: { serial: string }[] }>(ca, ['list', '--node', 'n1'])).certificates[0]
  ?.serial;
const evidence = join(directory, 'evidence');
await cp(cluster.out, evidence, { recursive: true });

const READING = [
  ['list'],
  ['list', '--all', '--json'],
  ['status'],
  ['status', '--json'],
  ['inspect', 'n1', '--json'],
  ['inspect', join(evidence, 'n1/data/cert.pem')],
  ['verify', 'node:n1', '--plane', 'data'],
  ['verify', join(evidence, 'n1/data/cert.pem'), '--name', 'n1.orders.internal', '--json'],
  ['crl'],
  ['crl', '--json'],
  ['audit', 'verify', '--json'],
  ['audit', 'verify'],
  ['audit', 'export'],
  ['keystore', 'slot', 'list', '--json'],
  ['keystore', 'check'],
  ['inspect', serial ?? ''],
];

/** Opens a tree to be read by all, and gives it to nobody. */
async function giveAway(path: string): Promise<void> {
  await chown(path, 65_534, 65_534);
  const directoryMode = (await lstat(path)).isDirectory();
  await chmod(path, directoryMode ? 0o755 : 0o644);
  if (directoryMode) for (const name of await readdir(path)) await giveAway(join(path, name));
}

/** Every reading verb; before and after the keystore and the auditor's home are the same. */
function reads(name: string, prepare: () => Promise<{ keystore: string; options: RunOptions }>): void {
  describe(name, () => {
    const prepared = root ? prepare() : undefined;
    const scene = async () => {
      if (!prepared) throw new Error('not root');
      const { keystore: place, options } = await prepared;
      const home = join(directory, 'auditor');
      const env = { HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_DATA_HOME: join(home, 'data') };
      return { place, run: (args: string[]) => warmCli([...args, '--keystore', place], { cwd: '/', ...options, env }) };
    };

    (root ? test : test.skip).each(READING.map((args) => [args.join(' '), args]))('%s', async (_, args) => {
      const { place, run } = await scene();
      const before = [await tree(place), await tree(join(directory, 'auditor'))];
      const result = await run(args as string[]);
      expectExit(result, 0);
      expect(result.stdout).not.toBe('');
      expect([await tree(place), await tree(join(directory, 'auditor'))]).toEqual(before);
    });

    (root ? test : test.skip)('keystore check says what it could not check', async () => {
      const { run } = await scene();
      const result = await run(['keystore', 'check', '--json']);
      expectExit(result, 0);
      const checked = document<CheckDocument>(result);
      expect(checked).toMatchObject({ valid: true, unsealed: false });
      expect(checked.warnings?.length).toBeGreaterThan(0);
    });
  });
}

if (!root) console.warn('skipped: only root can give files away and mount');
await cluster.dir('auditor', 0o777);
await chmod(directory, 0o755);
await chmod(join(directory, 'auditor'), 0o777);

reads('another user’s copy, which all may read', async () => {
  const copy = join(directory, 'copy');
  await cp(keystore, copy, { recursive: true });
  await giveAway(copy);
  await giveAway(evidence);
  return { keystore: copy, options: { uid: AUDITOR, gid: AUDITOR } };
});

reads('another user’s keystore, read by its group (--allow-group-read)', async () => {
  const copy = join(directory, 'group');
  await cp(keystore, copy, { recursive: true });
  for (const name of ['', ...(await readdir(copy, { recursive: true }))])
    await chown(join(copy, name), 65_534, AUDITOR);
  return { keystore: copy, options: { uid: AUDITOR, gid: AUDITOR } };
});

const readOnly = await cluster.dir('read-only');
const mounted =
  root && mount('--bind', keystore, readOnly) && spawnSync('mount', ['-o', 'remount,ro,bind', readOnly]).status === 0;

if (mounted) {
  reads('a read-only mount', async () => ({ keystore: readOnly, options: {} }));

  test('a writing verb there: 14', async () => {
    const before = await tree(keystore);
    await fails(ca, ['issue', 'n9', '--keystore', readOnly], 'ERR_STORAGE');
    await fails(ca, ['crl', '--renew', '--keystore', readOnly], 'ERR_STORAGE');
    expect(await tree(keystore)).toEqual(before);
  });
} else {
  console.warn('skipped: no read-only mount can be made here');
  test.skip('a read-only mount', () => {});
}

(root ? test : test.skip)('a writing verb on another user’s keystore, even as root: 13', async () => {
  const copy = join(directory, 'theirs');
  await cp(keystore, copy, { recursive: true });
  await chmod(copy, 0o700);
  await chown(copy, 65_534, 65_534);
  await fails(ca, ['issue', 'n9', '--keystore', copy], 'ERR_KEYSTORE_PERMISSIONS');
});
