import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { type CreateOptions, createKeystore } from '../../src/keystore/create.ts';
import { checkPlaceIsFree, checkPlacesAreFree } from '../../src/keystore/creation/place.ts';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import { decodeIdentity } from '../../src/keystore/identity.ts';
import { decodeRecord } from '../../src/keystore/log/record.ts';
import { fromBase64 } from '../../src/pki/encoding.ts';
import { run } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { bundle } from './support/bundle.ts';
import { createOptions } from './support/create-options.ts';

const directory = await scratch('create');
const killed = await bundle('create-killed', join(directory, 'create-killed.mjs'));
let parent = '';
let number = 0;

beforeEach(() => {
  parent = join(directory, `parent-${number++}`);
  mkdirSync(parent);
});

test('a keystore with its directories, modes, and a record 0 that binds KEYSTORE', async () => {
  const place = join(parent, 'new', 'ks');
  const identity = await createKeystore(createOptions(place));
  expect(readdirSync(place).sort()).toEqual(
    ['KEYSTORE', 'log', 'objects', 'public', 'reserve', 'sealed', 'slots', 'snapshot', 'tmp'].sort(),
  );
  expect(decodeIdentity(readFileSync(join(place, 'KEYSTORE')))).toEqual(identity);
  const first = decodeRecord(identity.id, 0, readFileSync(join(place, 'log/0/0')), fromBase64(identity.auditKey));
  expect(first).toMatchObject({ op: 'init', seq: 0, epoch: 0 });
  expect(statSync(place).mode & 0o777).toBe(0o700);
  await new DirectoryStore(place, { groupRead: false }).checkPermissions();
  expect(readdirSync(join(place, 'slots'))).toHaveLength(2);
  expect(readdirSync(join(place, 'sealed'))).toHaveLength(2);
  expect(readdirSync(join(parent, 'new'))).toEqual(['ks']);
});

test('the root domain elsewhere: its slot and key are there, and no log', async () => {
  const [place, rootLocation] = [join(parent, 'ks'), join(parent, 'stick')];
  const identity = await createKeystore(createOptions(place, { rootLocation, groupRead: true }));
  expect(identity.rootElsewhere).toBe(true);
  expect(readdirSync(rootLocation).sort()).toEqual(['KEYSTORE', 'sealed', 'slots', 'tmp']);
  expect(readFileSync(join(rootLocation, 'KEYSTORE'))).toEqual(readFileSync(join(place, 'KEYSTORE')));
  for (const name of ['slots', 'sealed'])
    for (const at of [place, rootLocation]) expect(readdirSync(join(at, name))).toHaveLength(1);
  expect(statSync(place).mode & 0o777).toBe(0o750);
  expect(statSync(rootLocation).mode & 0o777).toBe(0o700);
});

test('an empty directory is taken, and closed; anything else is left as it is', async () => {
  const empty = join(parent, 'empty');
  mkdirSync(empty);
  chmodSync(empty, 0o755);
  await createKeystore(createOptions(empty));
  expect(statSync(empty).mode & 0o777).toBe(0o700);
  const [full, file] = [join(parent, 'full'), join(parent, 'file')];
  mkdirSync(full);
  writeFileSync(join(full, 'mine'), 'x');
  writeFileSync(file, 'x');
  for (const place of [empty, full, file]) {
    await expect(createKeystore(createOptions(place))).rejects.toMatchObject({ code: 'ERR_EXISTS', exitCode: 6 });
    await expect(checkPlaceIsFree(place)).rejects.toMatchObject({ code: 'ERR_EXISTS' });
  }
  expect(readdirSync(full)).toEqual(['mine']);
  expect(readdirSync(parent).sort()).toEqual(['empty', 'file', 'full']);
});

test('two at once: one is whole, the other is told, nothing else stays', async () => {
  const place = join(parent, 'ks');
  const script = await bundle('create-once', join(directory, 'create-once.mjs'));
  const results = await Promise.all(Array.from({ length: 6 }, () => run(process.execPath, [script, place])));
  expect(results.map(({ stdout }) => stdout.trim()).sort()).toEqual([
    'ERR_EXISTS',
    'ERR_EXISTS',
    'ERR_EXISTS',
    'ERR_EXISTS',
    'ERR_EXISTS',
    'made',
  ]);
  expect(readdirSync(parent)).toEqual(['ks']);
  expect(existsSync(join(place, 'log/0/0'))).toBe(true);
});

test('killed before record 0: nothing at the place, and the next one sweeps what was left', async () => {
  const [place, rootLocation] = [join(parent, 'ks'), join(parent, 'stick')];
  expect((await run(process.execPath, [killed, place, rootLocation])).signal).toBe('SIGKILL');
  const left = readdirSync(parent);
  expect(left).toHaveLength(2);
  expect(left.every((name) => name.startsWith('.cluster-ca.'))).toBe(true);
  await createKeystore(createOptions(place, { rootLocation }));
  expect(readdirSync(parent).sort()).toEqual(['ks', 'stick']);
});

test('what another host left is swept after a day', async () => {
  const [young, old] = ['.cluster-ca.ks.elsewhere.1.1', '.cluster-ca.ks.elsewhere.2.2'];
  for (const name of [young, old]) mkdirSync(join(parent, name));
  const past = new Date(Date.now() - 25 * 3_600_000);
  utimesSync(join(parent, old), past, past);
  await createKeystore(createOptions(join(parent, 'ks')));
  expect(readdirSync(parent).sort()).toEqual([young, 'ks'].sort());
});

test('a failure on the way leaves nothing', async () => {
  const options = createOptions(join(parent, 'ks'), { rootLocation: join(parent, 'stick') });
  const failing = () => {
    throw new Error('no');
  };
  await expect(createKeystore({ ...options, body: failing })).rejects.toThrow('no');
  expect(readdirSync(parent)).toEqual([]);
});

describe('killed between the two renames', () => {
  /** A root domain at its place, and its keystore still beside its own. */
  async function halfMade(noted = true): Promise<{ place: string; rootLocation: string; leftover: string }> {
    const [place, rootLocation] = [join(parent, 'ks'), join(parent, 'stick')];
    await createKeystore(createOptions(place, { rootLocation }));
    const leftover = join(parent, `.cluster-ca.ks.${hostname()}.${2 ** 22 + 1}.1`);
    renameSync(place, leftover);
    if (noted) writeFileSync(join(leftover, 'tmp', 'root-place'), rootLocation);
    return { place, rootLocation, leftover };
  }
  const idAt = (path: string): string => decodeIdentity(readFileSync(join(path, 'KEYSTORE'))).id;

  test('the next one clears both and makes them anew', async () => {
    const { place, rootLocation } = await halfMade();
    await checkPlacesAreFree(place, rootLocation);
    const { id } = await createKeystore(createOptions(place, { rootLocation }));
    expect([idAt(place), idAt(rootLocation)]).toEqual([id, id]);
    expect(readdirSync(parent).sort()).toEqual(['ks', 'stick']);
    expect(readdirSync(join(place, 'tmp'))).toEqual([]);
  });

  test('one without a root elsewhere, or with it at another place, clears the first as well', async () => {
    const { place, rootLocation } = await halfMade();
    await createKeystore(createOptions(place));
    expect(readdirSync(parent)).toEqual(['ks']);
    expect(existsSync(rootLocation)).toBe(false);
  });

  test('a medium that is mounted elsewhere by now', async () => {
    const { place, rootLocation } = await halfMade();
    const moved = join(parent, 'moved');
    renameSync(rootLocation, moved);
    await createKeystore(createOptions(place, { rootLocation: moved }));
    expect(readdirSync(parent).sort()).toEqual(['ks', 'moved']);
  });

  test.each([
    ['its process lives', { pid: process.pid }],
    ['nothing says who put it there', { noted: false }],
    ['it is of another keystore', { other: true }],
    ['it is a keystore with a log', { log: true }],
  ])('the root stays, and the hint says what to do, when %s', async (_, how: Record<string, unknown>) => {
    const { place, rootLocation, leftover } = await halfMade(how.noted !== false);
    if (how.pid !== undefined) renameSync(leftover, join(parent, `.cluster-ca.ks.${hostname()}.${process.pid}.2`));
    if (how.log) mkdirSync(join(rootLocation, 'log'));
    if (how.other) {
      rmSync(rootLocation, { recursive: true });
      await createKeystore(createOptions(join(parent, 'other'), { rootLocation }));
    }
    const before = readdirSync(join(rootLocation, 'sealed'));
    const id = idAt(rootLocation);
    const refused = {
      code: 'ERR_EXISTS',
      hint: expect.stringMatching(how.log ? /--keystore DIR/ : /--root-keystore DIR; remove/),
    };
    await expect(checkPlacesAreFree(place, rootLocation)).rejects.toMatchObject(refused);
    await expect(createKeystore(createOptions(place, { rootLocation }))).rejects.toMatchObject(refused);
    expect([readdirSync(join(rootLocation, 'sealed')), idAt(rootLocation)]).toEqual([before, id]);
  });
});

test('when the keystore cannot come to its place, its root does not stay at its own', async () => {
  const [place, rootLocation] = [join(parent, 'ks'), join(parent, 'stick')];
  const options = createOptions(place, { rootLocation });
  const taken: CreateOptions = {
    ...options,
    body: (...args) => {
      mkdirSync(place);
      writeFileSync(join(place, 'mine'), 'x');
      return options.body(...args);
    },
  };
  await expect(createKeystore(taken)).rejects.toMatchObject({ code: 'ERR_EXISTS' });
  expect(readdirSync(parent)).toEqual(['ks']);
  expect(readdirSync(place)).toEqual(['mine']);
});

test('one inside the other is wrong usage', async () => {
  const place = join(parent, 'ks');
  for (const rootLocation of [place, join(place, 'root'), parent])
    await expect(checkPlacesAreFree(place, rootLocation)).rejects.toMatchObject({ code: 'ERR_USAGE' });
});
