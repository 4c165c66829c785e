import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { ClusterCaError } from '../../src/errors.ts';
import { readAnchor } from '../../src/keystore/anchor.ts';
import { encodeCanonicalFile } from '../../src/keystore/canonical.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { unlock } from '../../src/keystore/unlock.ts';
import { KeystoreWriter } from '../../src/keystore/writer.ts';
import { scratch } from '../support/scratch.ts';
import { MemoryStore } from './support/memory-store.ts';
import { START, serialOf } from './support/small-log.ts';
import { KEY_FILE } from './support/vector-keystore.ts';

const VECTORS = fileURLToPath(new URL('vectors/keystore', import.meta.url));
const directory = await scratch('writer');
let anchors = '';
let number = 0;

beforeEach(() => {
  anchors = join(directory, String(number++));
});

function vectorStore(): MemoryStore {
  const paths = (readdirSync(VECTORS, { recursive: true }) as string[]).filter((path) =>
    statSync(join(VECTORS, path)).isFile(),
  );
  return new MemoryStore(paths.map((path) => [path, new Uint8Array(readFileSync(join(VECTORS, path)))]));
}

async function openWriter(store = vectorStore(), now = START, acceptClock = false) {
  const keystore = await Keystore.open(store, { anchors });
  const secret = { kind: 'key-file' as const, bytes: new TextEncoder().encode(KEY_FILE) };
  const warnings: string[] = [];
  const options = { now: () => new Date(now), acceptClock, warn: (message: string) => warnings.push(message) };
  return {
    store,
    keystore,
    warnings,
    writer: await KeystoreWriter.open(keystore, await unlock(keystore, 'daily', [secret]), options),
  };
}

const abandon = async (n: number) => ({ serials: [serialOf(n)] });

describe('commit', () => {
  test('appends what the plan says, moves the anchor, and says what it wrote', async () => {
    const { writer, keystore, store } = await openWriter();
    const record = await writer.commit('abandon', 'r1', () => abandon(1));
    expect(record).toMatchObject({ seq: 9, op: 'abandon', requestId: 'r1', epoch: 1 });
    expect(record?.actor).toMatch(/@/);
    expect(keystore.state.seq).toBe(9);
    expect(await readAnchor(anchors, keystore.identity.id)).toEqual({ seq: 9, head: keystore.state.head });
    expect(writer.head).toBe(`9:${keystore.state.head}`);
    expect((await Keystore.open(store, { anchors })).state).toEqual(keystore.state);
  });

  test('a reserve does not move the anchor; no plan, no record', async () => {
    const { writer, keystore } = await openWriter();
    const before = await readAnchor(anchors, keystore.identity.id);
    await writer.commit('reserve', 'r', async () => ({ requestHash: '00'.repeat(32), serials: [serialOf(7)] }));
    expect(await readAnchor(anchors, keystore.identity.id)).toEqual(before);
    expect(await writer.commit('abandon', 'r', async () => undefined)).toBeUndefined();
    expect(keystore.state.seq).toBe(9);
  });

  test('who loses the race plans again on the new head', async () => {
    const { writer, store } = await openWriter();
    const other = await openWriter(store);
    const seen: number[] = [];
    const record = await writer.commit('abandon', 'r', async () => {
      seen.push(writer.keystore.state.seq);
      if (seen.length <= 3) await other.writer.commit('abandon', `other-${seen.length}`, () => abandon(seen.length));
      return { serials: [] };
    });
    expect(seen).toEqual([8, 9, 10, 11]);
    expect(record?.seq).toBe(12);
  });

  test('a gap is filled by no record, nor when it appears after the log was read', async () => {
    const store = vectorStore();
    const { writer } = await openWriter(store);
    const other = await openWriter(store);
    await other.writer.commit('abandon', 'a', () => abandon(1));
    await other.writer.commit('abandon', 'b', () => abandon(2));
    const record = store.files.get('log/0/9') as Uint8Array;
    store.files.delete('log/0/9');
    const committing = () => writer.commit('abandon', 'c', () => abandon(3));
    await expect(committing()).rejects.toMatchObject({ code: 'ERR_KEYSTORE_TAMPERED', exitCode: 13 });
    expect(store.files.has('log/0/9')).toBe(false);
    store.files.set('log/0/9', record);
    expect((await committing())?.seq).toBe(11);
  });

  test('nothing is appended to an older copy that is put in its place meanwhile', async () => {
    const { writer, store } = await openWriter();
    const older = new Map(store.files);
    for (const n of [1, 2]) await writer.commit('abandon', `r${n}`, () => abandon(n));
    store.files.clear();
    for (const [path, bytes] of older) store.files.set(path, bytes);
    await expect(writer.commit('abandon', 'r3', () => abandon(3))).rejects.toMatchObject({
      code: 'ERR_KEYSTORE_ROLLED_BACK',
      exitCode: 13,
    });
    expect([...store.files.keys()].filter((path) => path.startsWith('log/'))).toHaveLength(9);
  });

  test('a head that it did not make durable itself is made durable before anything is built on it', async () => {
    const { writer, store } = await openWriter();
    const other = await openWriter(store);
    const durable: number[] = [];
    store.makeDurable = async (seq?: number) => {
      durable.push(seq as number);
    };
    await writer.commit('abandon', 'r', () => abandon(1));
    await writer.commit('abandon', 'r', () => abandon(2));
    expect(durable).toEqual([8]);
    durable.length = 0;
    await other.writer.inTurn(1000, async () => expect(durable).toEqual([10]));
    durable.length = 0;
    await writer.commit('abandon', 'r', () => abandon(3));
    await other.writer.commit('abandon', 'r', () => abandon(4));
    expect(durable).toEqual([11]);
  });

  test('what no reader would take is not appended', async () => {
    const { writer, store, keystore } = await openWriter();
    const before = [...store.files.keys()];
    const crl = keystore.state.crls[0];
    await expect(writer.commit('crl', 'r', async () => ({ crls: crl === undefined ? [] : [crl] }))).rejects.toThrow(
      'does not follow',
    );
    const bad = { serials: ['no hex'] };
    await expect(writer.commit('abandon', 'r', async () => bad)).rejects.toThrow('wrong form');
    expect([...store.files.keys()]).toEqual(before);
  });

  test('a clock that is days ahead does not end a slot that another process is about to name; a log that is, does', async () => {
    const first = await openWriter();
    const { store, keystore } = first;
    const [live] = keystore.state.slots;
    const createdAt = new Date(keystore.state.time).toISOString();
    const file = { ...live, createdAt, epoch: 1 };
    const name = 'ab'.repeat(8);
    await store.createBlob('slots', name, encodeCanonicalFile(file));
    const ahead = new Date(keystore.state.time + 3 * 86_400_000);
    first.writer.options.now = () => ahead;
    await first.writer.inTurn(0, () => first.writer.commit('abandon', 'r', () => abandon(1)));
    expect(await store.readBlob('slots', name)).toBeDefined();
    const next = await KeystoreWriter.open(keystore, first.writer.daily, first.writer.options);
    await next.inTurn(0, async () => {});
    expect(await store.readBlob('slots', name)).toBeUndefined();
  });

  test('an unknown outcome names the request id, and a flag for it only where there is one', async () => {
    const { writer, store, keystore } = await openWriter();
    store.append = () => Promise.reject(new ClusterCaError('ERR_OUTCOME_UNKNOWN', 'cannot tell'));
    await expect(writer.commit('abandon', 'my-request', () => abandon(1))).rejects.toMatchObject({
      code: 'ERR_OUTCOME_UNKNOWN',
      exitCode: 75,
      details: { requestId: 'my-request' },
      hint: expect.not.stringContaining('--request-id'),
    });
    const serials = ['40'.repeat(20)];
    await expect(
      writer.commit('reserve', 'my-request', async () => ({ serials, requestHash: '00'.repeat(32) })),
    ).rejects.toMatchObject({ hint: expect.stringContaining('--request-id my-request') });
    await expect(writer.commit('slots', 'r', async () => ({ slots: keystore.state.slots }))).rejects.toMatchObject({
      hint: expect.stringContaining('slot list'),
    });
  });

  test('a revocation on a full disk uses the room held for it; nothing else does', async () => {
    const { writer, store } = await openWriter();
    const append = store.append.bind(store);
    let full = true;
    store.append = (seq, bytes) =>
      full ? Promise.reject(new ClusterCaError('ERR_STORAGE', 'no space left')) : append(seq, bytes);
    store.releaseRoom = async () => {
      full = false;
      return true;
    };
    await expect(writer.commit('abandon', 'r', () => abandon(1))).rejects.toMatchObject({ code: 'ERR_STORAGE' });
    const entries = [{ authority: 'issuing-g1.1', serial: '01', reason: 'superseded' as const }];
    expect(await writer.commit('revoke', 'r', async () => ({ entries, crls: [] }))).toMatchObject({ seq: 9 });
  });
});

describe('the turn', () => {
  test('makes a snapshot after 64 records, and public/ every time', async () => {
    const { writer, store, keystore } = await openWriter();
    const old = store.files.get('snapshot/head');
    await writer.inTurn(1000, async () => {
      for (let i = 0; i < 59; i++) await writer.commit('abandon', `r${i}`, () => abandon(i));
    });
    expect(store.files.get('snapshot/head')).not.toBe(old);
    expect(keystore.tail).toEqual({ records: 0, certificates: 0 });
    expect(Buffer.from(store.files.get('public/head') as Uint8Array).toString()).toBe(`${writer.head}\n`);
    await writer.inTurn(1000, () => writer.commit('abandon', 'last', () => abandon(99)));
    expect(keystore.tail.records).toBe(1);
    expect(Buffer.from(store.files.get('public/head') as Uint8Array).toString()).toMatch(/^68:/);
  });

  test('is given back after an error, and what is derived may fail', async () => {
    const { writer, store, warnings } = await openWriter();
    await expect(writer.inTurn(1000, () => Promise.reject(new Error('inside')))).rejects.toThrow('inside');
    store.replaceBlob = () => Promise.reject(new ClusterCaError('ERR_STORAGE', 'no space left'));
    expect(await writer.inTurn(1000, async () => 5)).toBe(5);
    await writer.inTurn(1000, () => writer.commit('abandon', 'r', () => abandon(1)));
    expect(warnings.join()).toContain('no space left');
  });
});

test('the clock: behind by more than 5 minutes refuses all but revoke and crl; accepted it begins an epoch', async () => {
  const late = await openWriter(vectorStore(), START - 200 * 86_400_000);
  await expect(late.writer.commit('abandon', 'r', () => abandon(1))).rejects.toMatchObject({ code: 'ERR_CLOCK' });
  const entries = [{ authority: 'issuing-g1.1', serial: '01', reason: 'superseded' as const }];
  const revoked = await late.writer.commit('revoke', 'r', async () => ({ entries, crls: [] }));
  expect(revoked).toMatchObject({ epoch: 1, time: new Date(late.keystore.state.time).toISOString() });
  const accepted = await openWriter(late.store, START - 200 * 86_400_000, true);
  const record = await accepted.writer.commit('abandon', 'r', () => abandon(1));
  expect(record).toMatchObject({ epoch: 2, time: new Date(START - 200 * 86_400_000).toISOString() });
});

test('a writer refuses a log that is behind its anchor', async () => {
  const { writer } = await openWriter();
  await writer.commit('abandon', 'r', () => abandon(1));
  await writer.commit('abandon', 'r', () => abandon(2));
  await expect(openWriter()).rejects.toMatchObject({ code: 'ERR_KEYSTORE_ROLLED_BACK' });
});

describe('many at once in one process', () => {
  test('readings of one keystore apply each record once, also while it is written to', async () => {
    const { store, writer, keystore } = await openWriter();
    const other = await Keystore.open(store, { anchors });
    const before = other.tail.records;
    const work = [writer.commit('abandon', 'a', () => abandon(1)), writer.commit('abandon', 'b', () => abandon(2))];
    for (let i = 0; i < 20; i++)
      work.push(
        other.refresh().then(() => undefined),
        keystore.refresh().then(() => undefined),
      );
    await Promise.all(work);
    await Promise.all(Array.from({ length: 10 }, () => other.refresh()));
    expect([other.state.seq, other.tail.records - before]).toEqual([10, 2]);
    expect([keystore.state, keystore.tail.records]).toEqual([other.state, other.tail.records]);
  });

  test('turns are taken one after the other, in the order of the calls; one that fails stops no other', async () => {
    const { writer } = await openWriter();
    const told: string[] = [];
    const turn = (name: string, fails = false) =>
      writer.inTurn(0, async () => {
        told.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        told.push(`${name} ends`);
        if (fails) throw new Error(name);
      });
    const results = await Promise.allSettled([turn('first'), turn('second', true), turn('third')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(told).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });
});
