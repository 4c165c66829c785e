import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { checkKeystore, checkUnsealing } from '../../src/keeping/check.ts';
import { type DomainPlan, planDomain, rewrap } from '../../src/keeping/rewrap.ts';
import { addSlot } from '../../src/keeping/slots.ts';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import type { Secret } from '../../src/keystore/envelope/slot.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import type { Domain } from '../../src/keystore/log/bodies.ts';
import { sealedKeys } from '../../src/keystore/log/rewrap.ts';
import { unlock } from '../../src/keystore/unlock.ts';
import { KeystoreWriter } from '../../src/keystore/writer.ts';
import { openKeystore } from '../support/open-keystore.ts';
import { scratch } from '../support/scratch.ts';
// @ts-expect-error: plain JavaScript, so that it runs without anything of this project
import * as reader from './second-reader.mjs';
import { SmallLog } from './support/small-log.ts';

// New master keys: the same private keys under a new epoch, and what was made for the old ones is worthless.

const NOW = new Date('2026-03-01T00:00:00.000Z');
const directory = await scratch('rewrap');
const FIRST: Secret = { kind: 'key-file', bytes: new Uint8Array(32).fill(7) };
const SECOND: Secret = { kind: 'key-file', bytes: new Uint8Array(32).fill(8) };

const writers = new Map<string, KeystoreWriter>();
for (const name of ['plain', 'stale', 'killed']) {
  const writer = await openKeystore(join(directory, name), NOW);
  writers.set(name, writer);
}
const writerOf = (name: string): KeystoreWriter => writers.get(name) as KeystoreWriter;
const place = (name: string): string => join(directory, name, 'keystore');

/** Opens it anew, as another process would. */
async function reopened(location: string, secret = FIRST): Promise<KeystoreWriter> {
  const keystore = await Keystore.open(new DirectoryStore(location, { groupRead: false }), { anchors: undefined });
  return KeystoreWriter.open(keystore, await unlock(keystore, 'daily', [secret]), {
    now: () => NOW,
    acceptClock: false,
    warn: () => {},
  });
}

async function rewrapAll(writer: KeystoreWriter, secrets: Secret[], domains: Domain[] = ['daily', 'root']) {
  const plans: DomainPlan[] = [];
  for (const name of domains)
    plans.push(
      await planDomain(
        writer.keystore,
        name === 'daily' ? writer.daily : await unlock(writer.keystore, name, secrets),
        secrets,
      ),
    );
  return writer.inTurn(1000, () => rewrap(writer, plans, 'rewrap'));
}

async function expectWhole(location: string, secret: Secret): Promise<void> {
  const { keystore, daily } = await reopened(location, secret);
  expect((await checkKeystore(keystore)).findings).toEqual([]);
  expect(await checkUnsealing(keystore, [daily, await unlock(keystore, 'root', [secret])])).toEqual([]);
}

test('both domains: a later epoch, the same keys, one slot each, and nothing of the old is left', async () => {
  const writer = writerOf('plain');
  const { keystore } = writer;
  await addSlot(writer, writer.daily, 'laptop', SECOND, 'add');
  const copy = join(directory, 'copy');
  cpSync(place('plain'), copy, { recursive: true });
  const before = keystore.state;
  const made = await rewrapAll(writer, [FIRST]);
  expect(made).toEqual([
    { domain: 'daily', epoch: 2 },
    { domain: 'root', epoch: 2 },
  ]);
  expect(keystore.state.slots.map(({ name }) => name)).toEqual(
    before.slots.filter(({ name }) => name !== 'laptop').map(({ name }) => name),
  );
  expect(sealedKeys(keystore.state).map(({ keyId, epoch }) => [keyId, epoch])).toEqual(
    sealedKeys(before).map(({ keyId }) => [keyId, 2]),
  );
  expect(readdirSync(join(place('plain'), 'slots')).sort()).toEqual(keystore.state.slots.map(({ id }) => id).sort());
  expect(readdirSync(join(place('plain'), 'sealed')).every((name) => name.endsWith('.2'))).toBe(true);
  await expectWhole(place('plain'), FIRST);
  const other = await Keystore.open(new DirectoryStore(place('plain'), { groupRead: false }), { anchors: undefined });
  await expect(unlock(other, 'daily', [SECOND])).rejects.toMatchObject({ code: 'ERR_PASSPHRASE' });

  // Not even with the files that were copied before: the log does not name them, and the keys are under another key.
  for (const { id } of before.slots) cpSync(join(copy, 'slots', id), join(place('plain'), 'slots', id));
  await expect(unlock(other, 'daily', [SECOND])).rejects.toMatchObject({ code: 'ERR_PASSPHRASE' });

  const second = reader.readKeystore(place('plain'), [Buffer.from(FIRST.bytes)]);
  expect(second.state).toEqual(keystore.state);
  expect(second.keys).toHaveLength(sealedKeys(before).length);
});

test('who opened the keystore before it is told so, and adds no slot of the old master key', async () => {
  const stale = await reopened(place('stale'));
  const writer = writerOf('stale');
  await rewrapAll(writer, [FIRST], ['daily']);
  await stale.keystore.refresh();
  const { sealed, keyType } = stale.keystore.issuing;
  await expect(stale.daily.signer(sealed, keyType)).rejects.toMatchObject({ code: 'ERR_STATE' });
  await expect(addSlot(stale, stale.daily, 'late', SECOND, 'late')).rejects.toMatchObject({ code: 'ERR_STATE' });
  const plan = await planDomain(stale.keystore, stale.daily, [FIRST]);
  await expect(rewrap(stale, [plan], 'late')).rejects.toMatchObject({ code: 'ERR_STATE' });
  await expectWhole(place('stale'), FIRST);
  // The root domain kept its master key.
  expect(new Set(sealedKeys(stale.keystore.state).map(({ domain, epoch }) => `${domain} ${epoch}`))).toEqual(
    new Set(['daily 2', 'root 1']),
  );
});

test('what a killed rewrap left is in nobody’s way, and goes with the next one; what it replaced goes with any writer', async () => {
  const location = place('killed');
  const sealed = join(location, 'sealed');
  const [old = ''] = readdirSync(sealed);
  const content = readFileSync(join(sealed, old), 'utf8');
  const leftover = `${old.split('.')[0]}.2`;
  writeFileSync(join(sealed, leftover), content.replace('"epoch":1', '"epoch":2'), { mode: 0o600 });
  const writer = await reopened(location);
  const made = await rewrapAll(writer, [FIRST]);
  expect(Math.max(...made.map(({ epoch }) => epoch))).toBe(3);
  expect(readdirSync(sealed)).not.toContain(leftover);
  // As if it had been killed right behind its record.
  writeFileSync(join(sealed, old), content, { mode: 0o600 });
  writeFileSync(join(sealed, 'of-somebody-else'), 'x', { mode: 0o600 });
  await writer.inTurn(1000, async () => {});
  expect(readdirSync(sealed)).not.toContain(old);
  expect(readdirSync(sealed)).toContain('of-somebody-else');
  await expectWhole(location, FIRST);
});

const state = (await new SmallLog().open()).state;
const [first, ...rest] = state.authorities;
if (first === undefined) throw new Error('the vectors have authorities');
const later = { ...first.sealed, epoch: 2 };
const both = [first, ...rest].map(({ id, sealed }) => ({ id, sealed: { ...sealed, epoch: 2 } }));
const audit = { ...state.audit.sealed, epoch: 2 };

describe('a log is refused whose rewrap record', () => {
  test.each([
    ['names another key', { audit, authorities: [{ id: first.id, sealed: { ...later, keyId: '00'.repeat(16) } }] }],
    ['keeps the epoch', { audit, authorities: [{ id: first.id, sealed: first.sealed }] }],
    ['leaves a key of the domain behind', { authorities: both }],
    ['names a CA that is none', { audit, authorities: [...both, { id: 'issuing-g9.1', sealed: later }] }],
    ['names a CA twice', { audit, authorities: [...both, ...both] }],
  ])('%s', async (_, body) => {
    const log = new SmallLog();
    await log.append('rewrap', { ...body, slots: state.slots });
    await expect(log.open()).rejects.toMatchObject({ code: 'ERR_KEYSTORE_TAMPERED' });
  });

  test('and one that moves all keys is not', async () => {
    const log = new SmallLog();
    await log.append('rewrap', { audit, authorities: both, slots: state.slots });
    const opened = (await log.open()).state;
    expect(sealedKeys(opened).map(({ epoch }) => epoch)).toEqual(sealedKeys(state).map(() => 2));
  });
});
