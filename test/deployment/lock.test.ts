import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { takeDirectory } from '../../src/deployment/lock.ts';
import { LocalHost } from '../../src/hosts/local-host.ts';
import { lifeOf } from '../../src/hosts/process-life.ts';
import { scratch } from '../support/scratch.ts';

const home = await scratch('lock');
const host = new LocalHost();
const GONE = 2 ** 22 - 1;
let count = 0;
let dir: string;
const path = (): string => join(dir, '.cluster-ca.deploying');
const claim = (of: object): string =>
  JSON.stringify({ actor: 'kim@there', host: hostname(), pid: GONE, since: Date.now(), ...of });

beforeEach(async () => {
  dir = join(home, String(count++));
  await mkdir(dir);
});

describe('of many who want a directory one has it at a time', () => {
  test.each([
    ['nobody', undefined],
    ['a process that is gone', claim({})],
    ['another host, long ago', claim({ host: 'elsewhere', since: Date.now() - 3_600_000 })],
    ['what was half written', '{"act'],
    ['an empty file', ''],
  ])(
    'which was claimed by %s',
    async (_, content) => {
      if (content !== undefined) await writeFile(path(), content);
      let inside = 0;
      let most = 0;
      await Promise.all(
        Array.from({ length: 12 }, async () => {
          const giveBack = await takeDirectory(host, dir, 60_000);
          most = Math.max(most, ++inside);
          await sleep(Math.random() * 20);
          inside--;
          await giveBack();
        }),
      );
      expect(most).toBe(1);
      expect(await readdir(dir)).toEqual([]);
    },
    180_000,
  );
});

test('the right to remove a claim, left by one that was killed, is taken over too', async () => {
  await writeFile(path(), claim({}));
  const { sha256Hex } = await import('../../src/crypto/hash.ts');
  const right = `${path()}.${sha256Hex(await readFile(path())).slice(0, 16)}`;
  await writeFile(right, claim({ pid: GONE - 1 }));
  await (await takeDirectory(host, dir, 0))();
  expect(await readdir(dir)).toEqual([]);
});

test('the claim of a process that is alive is not, however old it is', async () => {
  await writeFile(path(), claim({ pid: process.ppid, since: Date.now() - 7_200_000 }));
  await expect(takeDirectory(host, dir, 0)).rejects.toMatchObject({
    code: 'ERR_KEYSTORE_BUSY',
    message: expect.stringMatching(/^kim@there \(process \d+\) is deploying to .* since 20/),
    hint: expect.stringContaining(path()),
    details: { busy: true },
  });
});

test('nor is our own, unless it was given back and could not be removed', async () => {
  let fails = true;
  const remove = async (file: string): Promise<void> => {
    if (fails) throw new Error('EIO');
    await host.remove(file);
  };
  const failing: LocalHost = Object.assign(new LocalHost(), { remove });
  const giveBack = await takeDirectory(failing, dir, 0);
  await expect(takeDirectory(failing, dir, 0)).rejects.toMatchObject({ code: 'ERR_KEYSTORE_BUSY' });
  await expect(giveBack()).rejects.toThrow('EIO');
  fails = false;
  await (await takeDirectory(failing, dir, 0))();
  expect(await readdir(dir)).toEqual([]);
});

test('a number that is ours now, and was another process before we began, is over', async () => {
  await writeFile(path(), claim({ pid: process.pid, since: performance.timeOrigin - 1000 }));
  await (await takeDirectory(host, dir, 0))();
  expect(await readdir(dir)).toEqual([]);
});

const lived = lifeOf(process.ppid);
const onLinux = lived === undefined ? test.skip : test;

onLinux('a number that another process has by now, or that is of before the machine was started, is over', async () => {
  for (const other of [{ start: (lived?.start ?? 0) + 1 }, { boot: 'another' }]) {
    await writeFile(path(), claim({ pid: process.ppid, ...lived, ...other }));
    await (await takeDirectory(host, dir, 0))();
    expect(await readdir(dir)).toEqual([]);
  }
  await writeFile(path(), claim({ pid: process.ppid, ...lived }));
  await expect(takeDirectory(host, dir, 0)).rejects.toMatchObject({ code: 'ERR_KEYSTORE_BUSY' });
});

test.each([{ pid: 0 }, { pid: -1 }, { pid: 1.5 }, { pid: 'x' }, { since: 1e300 }, { host: 7 }])(
  'a claim that is none: %j',
  async (odd) => {
    await writeFile(path(), claim(odd));
    await (await takeDirectory(host, dir, 0))();
    expect(await readdir(dir)).toEqual([]);
  },
);

test('a claim that was taken over meanwhile is not given back', async () => {
  const giveBack = await takeDirectory(host, dir, 0);
  await writeFile(path(), claim({ host: 'elsewhere' }));
  await giveBack();
  expect(await readFile(path(), 'utf8')).toContain('elsewhere');
});

test('what an actor calls itself is made safe', async () => {
  await writeFile(path(), claim({ actor: 'x\u001b[31m', host: 'elsewhere' }));
  const error: Error = await takeDirectory(host, dir, 0).then(
    () => new Error('it was given'),
    (refused: Error) => refused,
  );
  expect(error.message).toContain('is deploying');
  expect(error.message).not.toContain('\u001b');
});
