import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { sha256Hex } from '../../src/crypto/hash.ts';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import { layout } from '../../src/keystore/directory/layout.ts';
import { scratch } from '../support/scratch.ts';
import { MemoryStore } from './support/memory-store.ts';
import { storeContract } from './support/store-contract.ts';

const directory = await scratch('store');
let number = 0;

async function newStore(groupRead = false): Promise<DirectoryStore> {
  const root = join(directory, `keystore-${number++}`);
  mkdirSync(root, { mode: groupRead ? 0o750 : 0o700 });
  chmodSync(root, groupRead ? 0o750 : 0o700);
  await DirectoryStore.layOut(root, { groupRead });
  return new DirectoryStore(root, { groupRead });
}

storeContract('DirectoryStore', async () => {
  const { location } = await newStore();
  return () => new DirectoryStore(location, { groupRead: false });
});

storeContract('MemoryStore', async () => {
  const store = new MemoryStore();
  return () => store;
});

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const one = new TextEncoder().encode('1');

describe('the directory', () => {
  test('a file that somebody else removes while it is made is made all the same', async () => {
    const store = await newStore();
    const other = new DirectoryStore(store.location, { groupRead: false });
    const name = sha256Hex(one);
    let making = true;
    const removing = (async () => {
      while (making) await other.deleteBlob('snapshot', name);
    })();
    try {
      const make = async (): Promise<void> => {
        for (let i = 0; i < 60; i++) await store.createBlob('snapshot', name, one);
      };
      await Promise.all([make(), make(), make(), make()]);
    } finally {
      making = false;
      await removing;
    }
    await store.createBlob('snapshot', name, one);
    expect(await store.readBlob('snapshot', name)).toEqual(one);
  });

  test.each([
    [false, { root: '700', shut: '700', open: '700', file: '600' }],
    [true, { root: '750', shut: '700', open: '750', file: '640' }],
  ])('modes, with group read %s', async (groupRead, expected) => {
    const old = process.umask(0o077);
    try {
      const store = await newStore(groupRead);
      const at = (name: string) => join(store.location, name);
      await store.append(0, one);
      await store.putObject(sha256Hex(one), one);
      await store.createBlob('slots', 's', one);
      await store.replaceBlob('public', 'head', undefined, one);
      await store.holdRoom(10);
      expect(mode(store.location)).toBe(expected.root);
      for (const name of ['slots', 'sealed', 'tmp']) expect(mode(at(name))).toBe(expected.shut);
      for (const name of ['objects', 'log', 'log/0', 'snapshot', 'public']) expect(mode(at(name))).toBe(expected.open);
      for (const name of ['log/0/0', `objects/${sha256Hex(one)}`, 'public/head'])
        expect(mode(at(name))).toBe(expected.file);
      for (const name of ['slots/s', 'reserve']) expect(mode(at(name))).toBe('600');
      await store.checkPermissions();
    } finally {
      process.umask(old);
    }
  });

  test('nothing stays in tmp/, whether won or lost', async () => {
    const store = await newStore();
    await store.checkWritable();
    await Promise.all(Array.from({ length: 8 }, (_, i) => store.append(0, Uint8Array.of(i))));
    await store.putObject(sha256Hex(one), one);
    expect(readdirSync(join(store.location, 'tmp'))).toEqual([]);
  });

  test('records lie 4,096 to a directory', () => {
    expect(layout.record('/k', 0)).toBe('/k/log/0/0');
    expect(layout.record('/k', 4095)).toBe('/k/log/0/4095');
    expect(layout.record('/k', 4096)).toBe('/k/log/1/4096');
    expect(layout.record('/k', 123_456_789)).toBe('/k/log/30140/123456789');
  });

  test('a log directory that another writer did not come to make is made', async () => {
    const store = await newStore();
    expect(await store.append(5000, one)).toBe('appended');
    expect(await store.append(5001, one)).toBe('appended');
    mkdirSync(join(store.location, 'log/2'));
    expect(await store.append(8192, one)).toBe('appended');
  });

  test.each([
    ['open to the group', (root: string) => chmodSync(root, 0o750)],
    ['open to the world', (root: string) => chmodSync(join(root, 'log'), 0o701)],
    ['slots open to the group', (root: string) => chmodSync(join(root, 'slots'), 0o740)],
    [
      'a directory that is a symbolic link',
      (root: string) => {
        rmSync(join(root, 'sealed'), { recursive: true });
        symlinkSync('/tmp', join(root, 'sealed'));
      },
    ],
  ])('refused: %s', async (_, change) => {
    const store = await newStore();
    change(store.location);
    await expect(store.checkPermissions()).rejects.toMatchObject({ code: 'ERR_KEYSTORE_PERMISSIONS', exitCode: 13 });
  });

  test('refused: a link to a keystore', async () => {
    const store = await newStore();
    const link = `${store.location}-link`;
    symlinkSync(store.location, link);
    await expect(new DirectoryStore(link, { groupRead: false }).checkPermissions()).rejects.toMatchObject({
      code: 'ERR_KEYSTORE_PERMISSIONS',
    });
  });

  test('with group read the group may read, and still not write', async () => {
    const store = await newStore(true);
    await store.checkPermissions();
    chmodSync(store.location, 0o770);
    await expect(store.checkPermissions()).rejects.toMatchObject({ code: 'ERR_KEYSTORE_PERMISSIONS' });
  });

  test('what a killed process left in tmp/ goes after a day; what is younger stays', async () => {
    const store = await newStore();
    const [old, young] = [join(store.location, 'tmp/old'), join(store.location, 'tmp/young')];
    writeFileSync(old, 'x');
    writeFileSync(young, 'x');
    const yesterday = new Date(Date.now() - 25 * 3_600_000);
    utimesSync(old, yesterday, yesterday);
    await store.checkWritable();
    expect(readdirSync(join(store.location, 'tmp'))).toEqual(['young']);
  });

  test('room grows with what is needed, and is not rewritten without need', async () => {
    const store = await newStore();
    const size = () => statSync(join(store.location, 'reserve')).size;
    await store.holdRoom(100_000);
    expect(size()).toBe(100_000);
    await store.holdRoom(40_000);
    expect(size()).toBe(100_000);
    await store.holdRoom(500_000);
    expect(size()).toBe(500_000);
    await store.holdRoom(20_000);
    expect(size()).toBe(20_000);
    expect(await store.releaseRoom()).toBe(true);
  });

  test('a place that cannot be written is ERR_STORAGE, and says which', async () => {
    const store = await newStore();
    rmSync(join(store.location, 'tmp'), { recursive: true });
    await expect(store.append(0, one)).rejects.toMatchObject({ code: 'ERR_STORAGE', exitCode: 14 });
    await expect(store.checkWritable()).rejects.toMatchObject({ code: 'ERR_STORAGE' });
    await expect(store.makeDurable(7)).rejects.toMatchObject({ code: 'ERR_STORAGE' });
    writeFileSync(join(store.location, 'public/file'), '');
    expect(await store.readBlob('public', 'file/inside')).toBeUndefined();
    await expect(store.readBlob('public', '.')).rejects.toMatchObject({ code: 'ERR_STORAGE' });
  });
});

describe('the lock', () => {
  test('of a process that is gone is taken over at once', async () => {
    const store = await newStore();
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    const { hostname } = await import('node:os');
    writeFileSync(layout.lock(store.location), JSON.stringify({ host: hostname(), pid, start: 1 }));
    await (await store.takeTurn(500))();
  });

  test('of another host is taken over when it has been silent', async () => {
    const store = await newStore();
    const path = layout.lock(store.location);
    writeFileSync(path, JSON.stringify({ host: 'elsewhere.example', pid: 1, start: 1 }));
    await expect(store.takeTurn(30)).rejects.toMatchObject({
      code: 'ERR_KEYSTORE_BUSY',
      message: expect.stringContaining('process 1 on elsewhere.example'),
    });
    const past = new Date(Date.now() - 11_000);
    utimesSync(path, past, past);
    await (await store.takeTurn(500))();
  });

  test('with other content or none waits, and what it says is not printed raw', async () => {
    const store = await newStore();
    writeFileSync(layout.lock(store.location), '\u001b[2J{"host":"a\u001b[31m","pid":1}');
    const error = await store.takeTurn(20).catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: 'ERR_KEYSTORE_BUSY' });
    expect((error as Error).message).not.toContain('\u001b');
  });

  test('that another took over is not removed when the turn is given back', async () => {
    const store = await newStore();
    const giveBack = await store.takeTurn(100);
    writeFileSync(layout.lock(store.location), 'of another');
    await giveBack();
    expect(statSync(layout.lock(store.location)).size).toBe(10);
  });
});
