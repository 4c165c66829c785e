import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { sha256Hex } from '../../src/crypto/hash.ts';
import { anchorDirectory, parseHead, readAnchor, writeAnchor } from '../../src/keystore/anchor.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { scratch } from '../support/scratch.ts';
import { IDENTITY, SmallLog, serialOf, takeSnapshot } from './support/small-log.ts';

const directory = await scratch('anchor');
const head = (n: number) => `${n}`.repeat(64).slice(0, 64);

describe('the file', () => {
  const anchors = join(directory, 'state', 'anchors');

  test('is made with its directories, moves forward, never back', async () => {
    expect(await readAnchor(anchors, 'id')).toBeUndefined();
    expect(await writeAnchor(anchors, 'id', { seq: 5, head: head(5) })).toBeUndefined();
    expect(readFileSync(join(anchors, 'id'), 'utf8')).toBe(`5:${head(5)}\n`);
    expect(statSync(join(anchors, 'id')).mode & 0o777).toBe(0o600);
    expect(statSync(anchors).mode & 0o777).toBe(0o700);
    await writeAnchor(anchors, 'id', { seq: 3, head: head(3) });
    await writeAnchor(anchors, 'id', { seq: 5, head: head(6) });
    expect(await readAnchor(anchors, 'id')).toEqual({ seq: 5, head: head(5) });
    await writeAnchor(anchors, 'id', { seq: 6, head: head(6) });
    expect(await readAnchor(anchors, 'id')).toEqual({ seq: 6, head: head(6) });
    await writeAnchor(anchors, 'id', { seq: 2, head: head(2) }, { reset: true });
    expect(await readAnchor(anchors, 'id')).toEqual({ seq: 2, head: head(2) });
    expect(readdirSync(anchors)).toEqual(['id']);
  });

  test('what killed processes left is swept after a day; anchors and files of others stay', async () => {
    const place = join(directory, 'state', 'swept');
    const id = 'ab'.repeat(16);
    await writeAnchor(place, id, { seq: 1, head: head(1) });
    const past = new Date(Date.now() - 25 * 3_600_000);
    const leave = (name: string, old: boolean) => {
      writeFileSync(join(place, name), 'half');
      if (old) utimesSync(join(place, name), past, past);
      return name;
    };
    for (const name of [`${id}.4711.00c0ffee`, `${'cd'.repeat(16)}.1.ffffffff`]) leave(name, true);
    const kept = [
      id,
      leave(`${id}.4712.00c0ffee`, false),
      leave('cd'.repeat(16), true),
      leave(`${id}.bak`, true),
      leave(`${id}.1.00c0ffee~`, true),
      leave('mine.1.00c0ffee', true),
    ];
    utimesSync(join(place, id), past, past);
    mkdirSync(join(place, `${id}.9.00c0ffee`));
    utimesSync(join(place, `${id}.9.00c0ffee`), past, past);
    await writeAnchor(place, id, { seq: 2, head: head(2) });
    expect(readdirSync(place).sort()).toEqual([...kept, `${id}.9.00c0ffee`].sort());
    expect((await readAnchor(place, id))?.seq).toBe(2);
  });

  test('of many written at once the highest stays, or nearly', async () => {
    const seqs = Array.from({ length: 20 }, (_, i) => ({ seq: 100 + i, head: head(1) }));
    const warnings = await Promise.all(seqs.map((anchor) => writeAnchor(anchors, 'many', anchor)));
    expect(warnings.filter((warning) => warning !== undefined)).toEqual([]);
    expect((await readAnchor(anchors, 'many'))?.seq).toBeGreaterThanOrEqual(100);
    expect(readdirSync(anchors).sort()).toEqual(['id', 'many']);
  });

  test('that cannot be written is a warning, not an error', async () => {
    const blocked = join(directory, 'file');
    writeFileSync(blocked, '');
    expect(await writeAnchor(blocked, 'id', { seq: 1, head: head(1) })).toMatch(/cannot be written/);
    expect(await writeAnchor(undefined, 'id', { seq: 1, head: head(1) })).toMatch(/no home directory/);
    expect(await readAnchor(undefined, 'id')).toBeUndefined();
  });

  test('is SEQ:HASH, or nothing', () => {
    expect(parseHead(`12:${'ab'.repeat(32)}\n`)).toEqual({ seq: 12, head: 'ab'.repeat(32) });
    for (const text of ['', '12', `12:${'AB'.repeat(32)}`, `-1:${head(1)}`, `1:${head(1)} `, `1:${head(1)}\n\n`])
      expect(parseHead(text)).toBeUndefined();
  });

  test('stands under XDG_STATE_HOME, or the home directory', () => {
    expect(anchorDirectory({ XDG_STATE_HOME: '/s' })).toBe('/s/cluster-ca/anchors');
    expect(anchorDirectory({ XDG_STATE_HOME: 'relative', HOME: '/h' })).toBe('/h/.local/state/cluster-ca/anchors');
    expect(anchorDirectory({ HOME: '' })).toBeUndefined();
  });
});

describe('rollback', () => {
  async function keystoreWith(records: number) {
    const log = new SmallLog();
    for (let i = 0; i < records; i++) await log.append('abandon', { serials: [serialOf(i)] });
    return log;
  }

  async function withAnchor(log: SmallLog, anchor: { seq: number; head: string }) {
    const anchors = join(directory, sha256Hex(new TextEncoder().encode(anchor.head)));
    mkdirSync(anchors, { recursive: true });
    await writeAnchor(anchors, IDENTITY.id, anchor);
    return Keystore.open(log.store, { anchors });
  }

  test('a log that reaches the anchor, or goes beyond it, is fine', async () => {
    const log = await keystoreWith(3);
    const anchor = { seq: log.seq, head: log.head };
    expect(await (await withAnchor(log, anchor)).checkRollback()).toBeUndefined();
    await log.append('abandon', { serials: [] });
    expect(await (await withAnchor(log, anchor)).checkRollback()).toBeUndefined();
  });

  test('an older copy, and another history of the same length', async () => {
    const log = await keystoreWith(3);
    const anchor = { seq: log.seq, head: log.head };
    const older = await keystoreWith(2);
    await expect((await withAnchor(older, anchor)).checkRollback()).rejects.toMatchObject({
      code: 'ERR_KEYSTORE_ROLLED_BACK',
      exitCode: 13,
    });
    await older.append('abandon', { serials: ['40'.repeat(20)] });
    await older.append('abandon', { serials: [] });
    await expect((await withAnchor(older, anchor)).checkRollback()).rejects.toMatchObject({
      code: 'ERR_KEYSTORE_ROLLED_BACK',
    });
  });

  test('without an anchor it says that it could not be checked', async () => {
    const keystore = await Keystore.open((await keystoreWith(1)).store, { anchors: join(directory, 'none') });
    expect(await keystore.checkRollback()).toMatch(/no anchor/);
    expect(existsSync(join(directory, 'none'))).toBe(false);
  });

  test('the snapshot is a lower bound of the log as well', async () => {
    const log = await keystoreWith(3);
    await takeSnapshot(await log.open());
    const last = log.store.files.get('log/0/3') as Uint8Array;
    log.store.files.delete('log/0/3');
    await expect(log.open()).rejects.toMatchObject({ code: 'ERR_KEYSTORE_ROLLED_BACK' });
    log.store.files.set('log/0/3', Uint8Array.from([...last.subarray(0, -1), 0x20]));
    await expect(log.open()).rejects.toMatchObject({ code: 'ERR_KEYSTORE_ROLLED_BACK' });
  });
});
