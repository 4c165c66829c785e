import { describe, expect, test } from '@jest/globals';
import { sha256Hex } from '../../../src/crypto/hash.ts';
import type { BlobFamily, Store } from '../../../src/keystore/store.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (found: Uint8Array | undefined): string | undefined => found && Buffer.from(found).toString();

/** What every adapter of `Store` must do. `open` gives a new handle on the same, at first empty, keystore. */
export function storeContract(name: string, begin: () => Promise<() => Store>): void {
  describe(`${name} keeps the contract of a store`, () => {
    test('absent things are undefined, absent lists empty', async () => {
      const store = (await begin())();
      expect(await store.readIdentity()).toBeUndefined();
      expect(await store.readRecord(0)).toBeUndefined();
      expect(await store.lastRecord()).toBeUndefined();
      expect(await store.getObject('00'.repeat(32))).toBeUndefined();
      for (const family of ['slots', 'sealed', 'snapshot', 'public'] as BlobFamily[]) {
        expect(await store.readBlob(family, 'x')).toBeUndefined();
        expect(await store.listBlobs(family)).toEqual([]);
      }
      expect(store.location).not.toBe('');
    });

    test('append: one winner a number, an equal record is a success, another is lost', async () => {
      const open = await begin();
      expect(await open().append(0, bytes('a'))).toBe('appended');
      expect(await open().append(0, bytes('a'))).toBe('appended');
      expect(await open().append(0, bytes('b'))).toBe('lost');
      expect(text(await open().readRecord(0))).toBe('a');
      await open().makeDurable(0);
    });

    test('the last record is the highest number, gaps or not', async () => {
      const open = await begin();
      for (const seq of [0, 9, 10, 4096, 40_960, 8192]) {
        await open().append(seq, bytes('record'));
        expect(await open().lastRecord()).toBe(Math.max(seq, seq === 8192 ? 40_960 : seq));
      }
    });

    test('append: of many at once one wins, and all read the same', async () => {
      const open = await begin();
      for (const seq of [0, 1, 4095, 4096]) {
        const contents = Array.from({ length: 12 }, (_, i) => `record ${seq} of ${i}`);
        const outcomes = await Promise.all(contents.map((content) => open().append(seq, bytes(content))));
        const winners = contents.filter((_, i) => outcomes[i] === 'appended');
        expect(winners).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'lost')).toHaveLength(11);
        expect(text(await open().readRecord(seq))).toBe(winners[0]);
      }
    });

    test('objects are put, put again, got and deleted', async () => {
      const open = await begin();
      const hash = sha256Hex(bytes('object'));
      await open().putObject(hash, bytes('object'));
      await open().putObject(hash, bytes('object'));
      expect(text(await open().getObject(hash))).toBe('object');
      await open().deleteObject(hash);
      await open().deleteObject(hash);
      expect(await open().getObject(hash)).toBeUndefined();
    });

    test('blobs: create only, list sorted, delete twice', async () => {
      const open = await begin();
      await open().createBlob('slots', 'b', bytes('1'));
      await open().createBlob('slots', 'a', bytes('2'));
      await open().createBlob('slots', 'a', bytes('2'));
      await expect(open().createBlob('slots', 'a', bytes('3'))).rejects.toMatchObject({ code: 'ERR_EXISTS' });
      expect(text(await open().readBlob('slots', 'a'))).toBe('2');
      expect(await open().listBlobs('slots')).toEqual(['a', 'b']);
      expect(await open().listBlobs('sealed')).toEqual([]);
      await open().deleteBlob('slots', 'a');
      await open().deleteBlob('slots', 'a');
      expect(await open().listBlobs('slots')).toEqual(['b']);
    });

    test('blobs: replaced only when they are as expected', async () => {
      const open = await begin();
      expect(await open().replaceBlob('public', 'head', sha256Hex(bytes('x')), bytes('1'))).toBe(false);
      expect(await open().replaceBlob('public', 'head', undefined, bytes('1'))).toBe(true);
      expect(await open().replaceBlob('public', 'head', undefined, bytes('2'))).toBe(false);
      expect(await open().replaceBlob('public', 'head', sha256Hex(bytes('1')), bytes('2'))).toBe(true);
      expect(text(await open().readBlob('public', 'head'))).toBe('2');
    });

    test('empty and large values come back as they were', async () => {
      const open = await begin();
      const large = new Uint8Array(1_500_000).map((_, i) => (i * 31) & 0xff);
      for (const value of [new Uint8Array(0), large]) {
        await open().putObject(sha256Hex(value), value);
        const found = (await open().getObject(sha256Hex(value))) as Uint8Array;
        expect(sha256Hex(found)).toBe(sha256Hex(value));
      }
    });

    test('a turn is one’s own until it is given back; then the next has it; who waits too long is told', async () => {
      const open = await begin();
      const order: string[] = [];
      const giveBack = await open().takeTurn(1000);
      await expect(open().takeTurn(20)).rejects.toMatchObject({ code: 'ERR_KEYSTORE_BUSY', exitCode: 11 });
      const waiting = open()
        .takeTurn(10_000)
        .then(async (done) => {
          order.push('second');
          await done();
        });
      order.push('first');
      await giveBack();
      await waiting;
      expect(order).toEqual(['first', 'second']);
      await (await open().takeTurn(1000))();
    });

    test('what it promises is checked before the first write, room is held and given back', async () => {
      const store = (await begin())();
      await store.checkWritable();
      await store.checkPermissions();
      await store.holdRoom(1000);
      await store.releaseRoom();
      expect(await store.releaseRoom()).toBe(false);
    });
  });
}
