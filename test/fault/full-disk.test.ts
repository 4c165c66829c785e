import { spawnSync } from 'node:child_process';
import { mkdir, readdir, stat, statfs, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { done, errorObject, expectExit } from '../cli/checks.ts';
import type { CrlDocument, IssueDocument, ListDocument, RevokeDocument } from '../cli/documents.ts';
import { readPair } from '../cli/x509.ts';
import type { RunOptions } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';
import { warmProcess } from './support/warm.ts';

// A disk that is full: a small tmpfs, which only root can mount.
let mountedOn: string | undefined;
// Registered before the scratch directory is: it must be unmounted before that is removed.
afterAll(() => {
  if (mountedOn !== undefined) spawnSync('umount', [mountedOn]);
});
const place = await newPlace('storage');
const disk = await place.dir('disk');
const mounted =
  process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'none', disk]).status === 0;
if (mounted) mountedOn = disk;
else console.warn('skipped: no tmpfs can be mounted here');
const onDisk = mounted ? test : test.skip;
const env = {
  ...place.env,
  CLUSTER_CA_KEYSTORE: join(disk, 'keystore'),
  CLUSTER_CA_KEY_FILE: join(place.directory, 'key'),
};
const out = await place.dir('out');
const warm = warmProcess();
const run = (args: string[], options: RunOptions = {}) => warm.cli(args, { cwd: out, env, ...options });

/** Fills the disk to the last byte. */
async function fill(): Promise<void> {
  for (const size of [65_536, 4096, 512, 1])
    for (let i = 0; i < 4096; i++) {
      const name = join(disk, `fill-${size}-${i}`);
      try {
        await writeFile(name, Buffer.alloc(size));
      } catch {
        break;
      }
    }
  expect((await statfs(disk)).bavail).toBe(0);
}

async function empty(): Promise<void> {
  for (const name of await readdir(disk)) if (name.startsWith('fill-')) await unlink(join(disk, name));
}

describe('the keystore’s disk is full', () => {
  onDisk('issue: 14, nothing is issued; with room again the same command does it', async () => {
    await done(run, ['init', 'orders']);
    await done(run, ['issue', 'n1', '--plane', 'data']);
    await fill();
    const result = await run(['issue', 'n2', '--plane', 'data', '--json']);
    const error = errorObject(result, 'ERR_STORAGE');
    const { certificates } = await done<ListDocument>(run, ['list', '--node', 'n2']);
    // Either nothing was issued, or details.committed says what was.
    if (error.details?.committed === undefined) expect(certificates).toEqual([]);
    else expect(certificates).toHaveLength(1);
    await empty();
    await done(run, ['issue', 'n2', '--plane', 'data']);
    expect((await readPair(join(out, 'n2/data'))).matches).toBe(true);
    await done(run, ['keystore', 'check']);
    await done(run, ['audit', 'verify']);
  });

  onDisk('there is still room for a revocation', async () => {
    await fill();
    const { revoked } = await done<RevokeDocument>(run, ['revoke', 'n1', '--yes', '--reason', 'keyCompromise']);
    expect(revoked).toHaveLength(1);
    const { crls } = await done<CrlDocument>(run, ['crl']);
    expect(crls).toHaveLength(2);
    await empty();
    await done(run, ['keystore', 'check']);
    expect((await done<ListDocument>(run, ['list', '--node', 'n1'])).certificates[0]?.status).toBe('revoked');
  });

  onDisk('reading works', async () => {
    await fill();
    for (const args of [['list'], ['status'], ['crl'], ['audit', 'verify'], ['keystore', 'check']])
      expectExit(await run(args), 0);
    await empty();
  });
});

describe('the disk of the files is full', () => {
  onDisk('14, and the same command finishes', async () => {
    const [keystore, key] = [join(place.directory, 'elsewhere'), join(place.directory, 'elsewhere.key')];
    const elsewhere = { ...env, CLUSTER_CA_KEYSTORE: keystore, CLUSTER_CA_KEY_FILE: key };
    const there = (args: string[], options?: RunOptions) => run(args, { ...options, env: elsewhere });
    const issue = ['issue', 'n5', '--plane', 'data', '--out', join(disk, 'out')];
    await done(there, ['init', 'orders']);
    await fill();
    errorObject(await there([...issue, '--json']), 'ERR_STORAGE');
    await empty();
    await done<IssueDocument>(there, issue);
    expect((await readPair(join(disk, 'out/n5/data'))).matches).toBe(true);
    expect((await done<ListDocument>(there, ['list', '--node', 'n5'])).certificates).toHaveLength(1);
  });
});

describe('a disk of 64 KiB', () => {
  const small = join(place.directory, 'small');
  const files = join(out, 'small');
  const mount = (...words: string[]): void => {
    const { status, stderr } = spawnSync('mount', words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  const there = (args: string[], options?: RunOptions) =>
    run(args, { ...options, env: { ...env, CLUSTER_CA_KEYSTORE: join(small, 'keystore') } });
  afterAll(() => {
    spawnSync('umount', [small]);
  });

  onDisk('has room held for a revocation from init on: nothing is issued, but a certificate is revoked', async () => {
    await mkdir(small);
    mount('-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'none', small);
    await done(there, ['init', 'orders']);
    errorObject(await there(['issue', 'n1', '--plane', 'data', '--out', files, '--json']), 'ERR_STORAGE');
    mount('-o', 'remount,size=128k', small);
    await done(there, ['issue', 'n1', 'n2', '--plane', 'data', '--out', files]);
    const room = (await stat(join(small, 'keystore/reserve'))).size;
    expect(room).toBeGreaterThanOrEqual(16_384);
    for (let i = 0; ; i++)
      if (
        !(await writeFile(join(small, `fill-${i}`), Buffer.alloc(4096)).then(
          () => true,
          () => false,
        ))
      )
        break;
    expect((await statfs(small)).bavail).toBe(0);
    errorObject(await there(['issue', 'n3', '--plane', 'data', '--out', files, '--json']), 'ERR_STORAGE');
    const { revoked } = await done<RevokeDocument>(there, ['revoke', 'n1', '--yes', '--reason', 'keyCompromise']);
    expect(revoked).toHaveLength(1);
    await done(there, ['keystore', 'check']);
    await done(there, ['audit', 'verify']);
  });

  onDisk('that can only be read: reading works, writing is 14 and names it', async () => {
    mount('-o', 'remount,ro', small);
    for (const args of [['list'], ['status'], ['crl'], ['audit', 'verify'], ['keystore', 'check']])
      expectExit(await there(args), 0);
    for (const args of [
      ['issue', 'n3', '--plane', 'data', '--out', files, '--json'],
      ['revoke', 'n2', '--yes', '--json'],
      ['keystore', 'rewrap', '--confirm', 'orders', '--json'],
    ])
      expect(errorObject(await there(args), 'ERR_STORAGE').message).toContain('read-only');
    mount('-o', 'remount,rw,size=1m', small);
    await done(there, ['revoke', 'n2', '--yes']);
    await done(there, ['keystore', 'check']);
  });
});
