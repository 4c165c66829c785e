import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { checkPlaceIsFree, createKeystore } from '../../src/keystore/create.ts';
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
    ['KEYSTORE', 'log', 'objects', 'public', 'sealed', 'slots', 'snapshot', 'tmp'].sort(),
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
