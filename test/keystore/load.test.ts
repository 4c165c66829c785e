import { describe, expect, test } from '@jest/globals';
import { sha256Hex } from '../../src/crypto/hash.ts';
import { encodeCanonicalFile } from '../../src/keystore/canonical.ts';
import { encodeSignedLine } from '../../src/keystore/log/record.ts';
import { mergeRows, rowsBack } from '../../src/keystore/snapshot/pages.ts';
import { RowBuffer } from '../../src/keystore/snapshot/row-buffer.ts';
import { REQUEST_ROW } from '../../src/keystore/snapshot/rows.ts';
import { writeSnapshot } from '../../src/keystore/snapshot/snapshot.ts';
import { fromHex } from '../../src/pki/encoding.ts';
import { AUDIT, IDENTITY, SmallLog, START, serialOf, takeSnapshot } from './support/small-log.ts';

const TAMPERED = { code: 'ERR_KEYSTORE_TAMPERED', exitCode: 13 };
const issued = (n: number) => ({
  kind: 'node' as const,
  name: `n${n}`,
  plane: 'data',
  serial: serialOf(n),
  notBefore: START - 678,
  notAfter: START - 678 + 86_400_000,
});

async function withSnapshot(): Promise<SmallLog> {
  const log = new SmallLog();
  await log.issue([issued(1)]);
  await takeSnapshot(await log.open());
  await log.issue([issued(2)]);
  return log;
}

describe('KEYSTORE', () => {
  test.each([
    ['group read switched on', { groupRead: true }],
    ['root said to be elsewhere', { rootElsewhere: true }],
    ['another id', { id: '00'.repeat(16) }],
    ['another type', { type: 'keystore' }],
    ['another member', { more: 1 }],
    ['another audit key', { auditKey: Buffer.from(AUDIT.spki).toString('base64').replace('MCow', 'MCoy') }],
    ['no version', { format: 0 }],
  ])('changed is refused, with a snapshot and without: %s', async (_, change) => {
    const log = await withSnapshot();
    log.store.files.set('KEYSTORE', encodeCanonicalFile({ ...IDENTITY, ...change }));
    await expect(log.open()).rejects.toMatchObject(TAMPERED);
    log.store.files.delete('snapshot/head');
    await expect(log.open()).rejects.toMatchObject(TAMPERED);
  });

  test('of a later format is told apart, whatever else it holds', async () => {
    const log = new SmallLog();
    log.store.files.set('KEYSTORE', encodeCanonicalFile({ format: 2, anything: [] }));
    await expect(log.open()).rejects.toMatchObject({ ...TAMPERED, message: expect.stringContaining('later') });
  });

  test('hostile: deep, cut off, not UTF-8, empty', async () => {
    const log = new SmallLog();
    for (const content of ['['.repeat(200_000), '{"a":', '', '\n', '\ufeff{}\n', '{}'])
      await expect(openWith(log, new TextEncoder().encode(content))).rejects.toMatchObject(TAMPERED);
    await expect(openWith(log, Uint8Array.of(0xff, 0x0a))).rejects.toMatchObject(TAMPERED);
  });

  test('absent: no keystore, unless there is more of one', async () => {
    const log = new SmallLog();
    log.store.files.delete('KEYSTORE');
    await expect(log.open()).rejects.toMatchObject(TAMPERED);
    log.store.files.clear();
    await expect(log.open()).rejects.toMatchObject({ code: 'ERR_KEYSTORE_ABSENT', exitCode: 10 });
  });

  function openWith(log: SmallLog, bytes: Uint8Array) {
    log.store.files.set('KEYSTORE', bytes);
    return log.open();
  }
});

describe('the snapshot is a cache', () => {
  test('only what came after it is read', async () => {
    const log = await withSnapshot();
    const read: number[] = [];
    const { readRecord } = log.store;
    log.store.readRecord = (seq) => {
      read.push(seq);
      return readRecord.call(log.store, seq);
    };
    const keystore = await log.open();
    expect(read).toEqual([2, 0, 3, 4, 5]);
    expect(keystore.tail).toEqual({ records: 2, certificates: 1 });
  });

  test.each<[string, (head: Uint8Array) => Uint8Array | Promise<Uint8Array> | undefined]>([
    ['absent', () => undefined],
    ['cut off', (head) => head.subarray(0, 100)],
    ['changed', (head) => head.map((octet, i) => (i === 50 ? octet ^ 1 : octet))],
    ['empty', () => new Uint8Array(0)],
    ['of a later version', () => encodeSignedLine('snapshot', IDENTITY.id, { v: 2, new: [] }, AUDIT.signer)],
    ['of a wrong form', () => encodeSignedLine('snapshot', IDENTITY.id, { v: 1, state: {} }, AUDIT.signer)],
    ['a log record', () => encodeSignedLine('log', IDENTITY.id, { v: 1 }, AUDIT.signer)],
  ])('a head that is %s is passed over', async (_, change) => {
    const log = await withSnapshot();
    const expected = (await log.open()).state;
    const head = await change(log.store.files.get('snapshot/head') as Uint8Array);
    if (head === undefined) log.store.files.delete('snapshot/head');
    else log.store.files.set('snapshot/head', head);
    const keystore = await log.open();
    expect(keystore.state).toEqual(expected);
    expect(keystore.tail.records).toBe(5);
    expect(await keystore.query((index) => index.bySerial(serialOf(1)))).toMatchObject({ name: 'n1' });
  });

  test('a new one removes the pages that only the last one had', async () => {
    const log = await withSnapshot();
    const before = await log.store.listBlobs('snapshot');
    await takeSnapshot(await log.open());
    const after = await log.store.listBlobs('snapshot');
    expect(after).toHaveLength(before.length);
    expect(after.filter((name) => before.includes(name) && name !== 'head')).toEqual([]);
  });

  test('two at once: one replaces the other, and what stays is whole', async () => {
    const log = await withSnapshot();
    const [a, b] = [await log.open(), await log.open()];
    await Promise.all([takeSnapshot(a), takeSnapshot(b)]);
    const keystore = await log.open();
    expect(keystore.tail.records).toBe(0);
    expect(await keystore.query((index) => index.bySerial(serialOf(2)))).toMatchObject({ name: 'n2' });
  });
});

describe('reading on', () => {
  test('what others append is seen; an error half-way leaves everything as it was', async () => {
    const log = await withSnapshot();
    const keystore = await log.open();
    await log.issue([issued(3)]);
    await log.issue([issued(4)]);
    const { readRecord } = log.store;
    log.store.readRecord = async (seq) => {
      if (seq === 8) throw new Error('too many open files');
      return readRecord.call(log.store, seq);
    };
    await expect(keystore.refresh()).rejects.toThrow('too many open files');
    expect(keystore.state.seq).toBe(4);
    log.store.readRecord = readRecord;
    await keystore.refresh();
    for (const n of [1, 2, 3, 4])
      expect(await keystore.query((index) => index.ofName('node', `n${n}`))).toHaveLength(1);
    expect(keystore.tail).toEqual({ records: 6, certificates: 3 });
  });

  test('a record that does not follow stops it, with the state of before', async () => {
    const log = await withSnapshot();
    const keystore = await log.open();
    await log.append('abandon', { serials: [] }, { prev: '00'.repeat(32) });
    await expect(keystore.refresh()).rejects.toMatchObject(TAMPERED);
    expect(keystore.state.seq).toBe(4);
  });

  test('an older copy in its place, another history, and none: what was read is a lower bound as well', async () => {
    const log = await withSnapshot();
    const keystore = await log.open();
    const whole = new Map(log.store.files);
    const expectRefused = async (expected: object) => {
      for (const read of [() => keystore.refresh(), () => keystore.reloadWithoutSnapshot()])
        await expect(read()).rejects.toMatchObject(expected);
      expect(keystore.state.seq).toBe(4);
      log.store.files.clear();
      for (const [path, bytes] of whole) log.store.files.set(path, bytes);
      await keystore.refresh();
    };
    const rolledBack = { code: 'ERR_KEYSTORE_ROLLED_BACK', exitCode: 13, hint: expect.stringContaining('older copy') };
    for (const path of ['log/0/3', 'log/0/4']) log.store.files.delete(path);
    await expectRefused(rolledBack);
    log.store.files.set('log/0/4', whole.get('log/0/3') as Uint8Array);
    await expectRefused(rolledBack);
    log.store.files.clear();
    await expectRefused({ code: 'ERR_KEYSTORE_ABSENT', exitCode: 10 });
  });

  test('a CRL that was replaced and removed meanwhile is read anew', async () => {
    const log = await withSnapshot();
    const keystore = await log.open();
    const last = keystore.state.crls[0];
    if (last === undefined) throw new Error('no CRL');
    const der = Uint8Array.of(0x30, 0);
    await expect(keystore.crl('issuing-g1.1')).rejects.toMatchObject(TAMPERED);
    await log.store.putObject(sha256Hex(der), der);
    const number = `${BigInt(last.number) + 1n}`;
    await log.append('crl', { crls: [{ ...last, number, sha256: sha256Hex(der) }] });
    expect(await keystore.crl('issuing-g1.1')).toEqual(der);
    await expect(keystore.crl('issuing-g9.9')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });
});

test('who reads on while a writer makes snapshots reads the newest one, and not the whole log again', async () => {
  const log = new SmallLog();
  for (let n = 1; n <= 20; n++) await log.issue([issued(n)]);
  await takeSnapshot(await log.open());
  const reader = await log.open();
  await log.issue([issued(21)]);
  await takeSnapshot(await log.open());
  let records = 0;
  const read = log.store.readRecord.bind(log.store);
  log.store.readRecord = (seq) => {
    records++;
    return read(seq);
  };
  const found = await reader.query((index) => index.current('node', 'n21', 'data'));
  expect(found?.serial).toBe(serialOf(21));
  expect((await reader.query((index) => index.current('node', 'n7', 'data')))?.serial).toBe(serialOf(7));
  expect(records).toBeLessThan(5);
});

test('two writers that make snapshots at once leave none rather than one without its pages', async () => {
  const log = new SmallLog();
  await log.issue([issued(1)]);
  const one = await log.open();
  await log.issue([issued(2)]);
  const other = await log.open();
  // The other's pages are there, its head not yet, when the one looks which are to go.
  const pages = await other.query((index) => index.merged());
  const list = log.store.listBlobs.bind(log.store);
  log.store.listBlobs = async (family) => {
    const names = await list(family);
    log.store.listBlobs = list;
    await writeSnapshot(log.store, { state: other.state, pages }, AUDIT.signer);
    return names;
  };
  await takeSnapshot(one);
  expect([...log.store.files.keys()].filter((path) => path === 'snapshot/head')).toEqual([]);
  const reader = await log.open();
  expect((await reader.query((index) => index.current('node', 'n2', 'data')))?.serial).toBe(serialOf(2));
  await takeSnapshot(reader);
  expect((await (await log.open()).query((index) => index.current('node', 'n1', 'data')))?.serial).toBe(serialOf(1));
});

test('the last row of a prefix is found whatever page it is in', async () => {
  const kept = new Map<string, Uint8Array>();
  const store = {
    get: async (sha256: string) => kept.get(sha256) as Uint8Array,
    put: async (sha256: string, bytes: Uint8Array) => void kept.set(sha256, bytes),
  };
  const rows = new RowBuffer(REQUEST_ROW.width);
  const hash = '11'.repeat(32);
  const id = (i: number): string => i.toString(16).padStart(4, '0').padEnd(32, '0');
  for (let seq = 0; seq < 20_000; seq++) rows.push(REQUEST_ROW.encode({ id: id(Math.floor(seq / 1000)), hash, seq }));
  const pages = await mergeRows(REQUEST_ROW, [], store, rows);
  expect(pages.length).toBeGreaterThan(3);
  for (let i = 0; i < 20; i++) {
    const seqs: number[] = [];
    for await (const { seq } of rowsBack(REQUEST_ROW, pages, store, fromHex(id(i)))) seqs.push(seq);
    expect(seqs).toEqual(Array.from({ length: 1000 }, (_, k) => i * 1000 + 999 - k));
  }
  for await (const row of rowsBack(REQUEST_ROW, pages, store, fromHex(id(20)))) throw new Error(`row ${row.seq}`);
});
