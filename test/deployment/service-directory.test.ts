import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { NAMES, ServiceDirectory } from '../../src/deployment/service-directory.ts';
import { LocalHost } from '../../src/hosts/local-host.ts';
import { run } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';

const home = await scratch('service-directory');
const host = new LocalHost();
const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const SET = ['key.pem', 'ca.pem', 'cert.pem'] as const;
let count = 0;
let dir: string;

/** A set of files whose content names it. */
const set = (version: string, names: readonly string[] = SET, mode = 0o640) =>
  names.map((name) => ({ name, content: text(`${version} ${name}`), mode }));
const contents = (at = dir, names: readonly string[] = SET): Promise<string[]> =>
  Promise.all(names.map((name) => readFile(join(at, name), 'utf8')));
const of = (version: string, names: readonly string[] = SET): string[] => names.map((name) => `${version} ${name}`);

async function plain(version: string, names: readonly string[] = SET): Promise<void> {
  for (const { name, content } of set(version, names)) await writeFile(join(dir, name), content);
}

/** As `deploy` does it. */
async function replace(directory: ServiceDirectory, version: string): Promise<{ before: string; now: string }> {
  const before = (await directory.adopt(await directory.look(), SET)) ?? '';
  const now = await directory.place(set(version), undefined, await directory.look());
  return { before, now };
}

beforeEach(async () => {
  dir = join(home, String(count++));
  await mkdir(dir);
});

test('what a reader sees stays the same while plain files are taken over', async () => {
  await plain('old');
  const directory = new ServiceDirectory(host, dir);
  let over = false;
  const seen = new Set<string>();
  let reads = 0;
  const reader = (async () => {
    for (; !over; reads++) for (const content of await contents()) seen.add(content);
  })();
  const generation = await directory.adopt(await directory.look(), SET);
  over = true;
  await reader;
  expect([...seen].sort()).toEqual(of('old').sort());
  expect(reads).toBeGreaterThan(1);
  expect(await contents(join(dir, generation as string))).toEqual(of('old'));
  for (const name of SET) expect(await readlink(join(dir, name))).toBe(`.cluster-ca.current/${name}`);
});

(process.getuid?.() === 0 ? test : test.skip)(
  'a link that its owner made to what he may not read is not copied for him',
  async () => {
    const secret = join(home, 'secret');
    await writeFile(secret, 'of root', { mode: 0o640 });
    await plain('old');
    await rm(join(dir, 'cert.pem'));
    await symlink(secret, join(dir, 'cert.pem'));
    for (const path of [dir, join(dir, 'key.pem'), join(dir, 'ca.pem')]) await chown(path, 65_534, 65_534);
    const directory = new ServiceDirectory(host, dir);
    for (const copy of [async () => directory.adopt(await directory.look(), SET), () => directory.keepAside()])
      await expect(copy()).rejects.toMatchObject({ code: 'ERR_STORAGE' });
    expect((await readdir(dir)).sort()).toEqual(['ca.pem', 'cert.pem', 'key.pem']);
    await chmod(secret, 0o644);
    expect(await directory.adopt(await directory.look(), SET)).toBeDefined();
  },
);

test('the next set, put back, placed again: each in one step, and only what is kept remains', async () => {
  await plain('old');
  const directory = new ServiceDirectory(host, dir);
  const { before, now } = await replace(directory, 'new');
  expect(await contents()).toEqual(of('new'));
  await directory.putBack(before);
  expect(await contents()).toEqual(of('old'));
  await directory.putBack(now);
  await directory.prune([now], false);
  expect(await contents()).toEqual(of('new'));
  expect((await readdir(dir)).sort()).toEqual([now, '.cluster-ca.current', ...SET].sort());
});

test("files that are not of the set are the operator's, whatever their names", async () => {
  await plain('old', NAMES);
  const directory = new ServiceDirectory(host, dir);
  const { now } = await replace(directory, 'new');
  await directory.prune([now], false);
  expect(await contents(dir, ['crl.pem', 'combined.pem'])).toEqual(of('old', ['crl.pem', 'combined.pem']));
  expect((await lstat(join(dir, 'combined.pem'))).isFile()).toBe(true);
});

test('a name of ours that the set has no more goes with the last generation that had it', async () => {
  const directory = new ServiceDirectory(host, dir);
  await directory.place(set('first', [...SET, 'crl.pem']), undefined, await directory.look());
  const now = await directory.place(set('second'), undefined, await directory.look());
  await directory.prune([now], false);
  expect((await readdir(dir)).sort()).toEqual([now, '.cluster-ca.current', ...SET].sort());
});

describe("the operator's own links", () => {
  test('through several, and one of a directory: the content, the mode and the owner are those of the file at the end', async () => {
    const real = join(home, `${count}-real`, 'deep');
    await mkdir(real, { recursive: true });
    await symlink(real, join(home, `${count}-real`, 'live'));
    for (const { name, content } of set('old')) {
      await writeFile(join(real, `${name}.1`), content);
      await chmod(join(real, `${name}.1`), 0o640);
      await symlink(`${name}.1`, join(real, name));
      await symlink(join(home, `${count}-real`, 'live', name), join(dir, name));
    }
    const directory = new ServiceDirectory(host, dir);
    expect(await directory.keyMode()).toBe(0o640);
    const { before, now } = await replace(directory, 'new');
    for (const generation of [before, now])
      expect((await stat(join(dir, generation, 'key.pem'))).mode & 0o7777).toBe(0o640);
    expect(await contents(join(dir, before))).toEqual(of('old'));
    expect(await contents(real)).toEqual(of('old'));
  });

  test('a relative one, in a directory that is reached by a link', async () => {
    const real = join(home, `${count}-elsewhere`, 'tls');
    await mkdir(real, { recursive: true });
    await writeFile(join(real, '../key.pem'), 'old key.pem', { mode: 0o600 });
    await symlink('../key.pem', join(real, 'key.pem'));
    await symlink(real, join(dir, 'tls'));
    const directory = new ServiceDirectory(host, join(dir, 'tls'));
    expect(await directory.keyMode()).toBe(0o600);
    const generation = await directory.adopt(await directory.look(), SET);
    expect(await readFile(join(real, generation as string, 'key.pem'), 'utf8')).toBe('old key.pem');
  });

  test('that lead to nothing are replaced, and in a circle too', async () => {
    await symlink('nowhere', join(dir, 'cert.pem'));
    await symlink('key.pem', join(dir, 'ca.pem'));
    await symlink('ca.pem', join(dir, 'key.pem'));
    const directory = new ServiceDirectory(host, dir);
    expect(await directory.keyMode()).toBeUndefined();
    await rm(join(dir, 'ca.pem'));
    await replace(directory, 'new');
    expect(await contents()).toEqual(of('new'));
  });
});

describe('what killed runs left', () => {
  test('a generation half made or half removed is no generation, and goes', async () => {
    const directory = new ServiceDirectory(host, dir);
    const whole = await directory.place(set('whole'), undefined, await directory.look());
    const half = '.cluster-ca.20200101T000000000Z-00000000';
    const later = '.cluster-ca.29990101T000000000Z-00000000';
    for (const name of [half, later]) {
      await mkdir(join(dir, name));
      await writeFile(join(dir, name, 'key.pem'), 'half');
    }
    await symlink('x', join(dir, '.cluster-ca.link-000000000000-key.pem'));
    await writeFile(join(dir, '.cluster-ca.deploying.0123456789abcdef'), '');
    const state = await directory.look();
    expect([state.current, state.generations]).toEqual([whole, [whole]]);
    expect(state.leftovers).toHaveLength(4);
    await directory.prune([whole], false);
    expect((await readdir(dir)).sort()).toEqual([whole, '.cluster-ca.current', ...SET].sort());
    expect(await contents()).toEqual(of('whole'));
  });

  test('a current generation that is gone is none', async () => {
    const directory = new ServiceDirectory(host, dir);
    const first = await directory.place(set('first'), undefined, await directory.look());
    await rm(join(dir, first), { recursive: true });
    expect((await directory.look()).current).toBeUndefined();
    const second = await directory.place(set('second'), undefined, await directory.look());
    expect((await directory.look()).current).toBe(second);
    expect(await contents()).toEqual(of('second'));
  });
});

// A file system with so many names left: it fails at each step in turn.
const mounted = join(tmpdir(), `cluster-ca-inodes-${process.pid}`);
const mayMount = await (async () => {
  await mkdir(mounted);
  const { code } = await run('mount', ['-t', 'tmpfs', '-o', 'size=1m,nr_inodes=64', 'tmpfs', mounted]).catch(() => ({
    code: 1,
  }));
  return code === 0;
})();
if (!mayMount) console.warn('skipped: no tmpfs can be mounted here');
afterAll(async () => {
  if (mayMount) await run('umount', ['-l', mounted]);
  await rm(mounted, { recursive: true, force: true });
});

(mayMount ? test : test.skip).each([
  ['plain files', true],
  ['nothing', false],
])(
  'where there was %s, a disk that fills at any step changes nothing, and leaves nothing half made',
  async (_, had) => {
    let failures = 0;
    let successes = 0;
    for (let left = 0; successes === 0; left++) {
      dir = join(mounted, `${had}-${left}`);
      await mkdir(dir);
      if (had) await plain('old');
      const names = async (): Promise<string[]> => (await readdir(dir)).filter((name) => name.startsWith('.')).sort();
      const fillers: string[] = [];
      for (;;) {
        const filler = join(mounted, `filler-${fillers.length}`);
        if (
          !(await writeFile(filler, '').then(
            () => true,
            () => false,
          ))
        )
          break;
        fillers.push(filler);
      }
      for (const filler of fillers.slice(0, left)) await rm(filler);
      const directory = new ServiceDirectory(host, dir);
      const failed = await replace(directory, 'new').then(
        () => undefined,
        (error: Error) => error,
      );
      if (failed === undefined) successes++;
      else {
        failures++;
        expect(failed.message).toMatch(/no space left on the device/);
        if (had) expect(await contents()).toEqual(of('old'));
        else expect((await readdir(dir)).filter((name) => name.endsWith('.pem'))).toEqual([]);
        const state = await directory.look();
        expect(state.leftovers).toEqual([]);
        expect(state.generations.length).toBeLessThan(2);
      }
      for (const filler of fillers) await rm(filler, { force: true });
      const { now } = await replace(directory, 'again');
      await directory.prune([now], false);
      expect(await contents()).toEqual(of('again'));
      expect(await names()).toEqual([now, '.cluster-ca.current'].sort());
      await rm(dir, { recursive: true });
    }
    expect(failures).toBeGreaterThan(5);
  },
);
