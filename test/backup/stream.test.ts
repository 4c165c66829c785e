import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeEntries, type Entry, encodeEnd, encodeEntry } from '../../src/backup/entries.ts';
import { CHUNK, decryptedChunks, EncryptedWriter } from '../../src/backup/stream.ts';

const KEY = new Uint8Array(32).fill(7);
const SEALED = CHUNK + 16;

async function encrypt(...parts: Uint8Array[]): Promise<Buffer> {
  const out: Uint8Array[] = [];
  const writer = new EncryptedWriter(KEY, async (bytes) => void out.push(bytes));
  for (const part of parts) await writer.write(part);
  await writer.end();
  return Buffer.concat(out);
}

async function decrypt(sealed: Uint8Array, key = KEY): Promise<Buffer> {
  let at = 0;
  const read = async (length: number): Promise<Uint8Array> => {
    at += length;
    return sealed.subarray(at - length, at);
  };
  const out: Uint8Array[] = [];
  for await (const chunk of decryptedChunks(key, read, 'the backup')) out.push(chunk);
  return Buffer.concat(out);
}

const filled = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

const three = await encrypt(filled(2 * CHUNK + 100));

describe('the encrypted stream', () => {
  test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5])('%d octets come back', async (length) => {
    const sealed = await encrypt(filled(length));
    expect(sealed.length).toBe(length + 16 * Math.max(1, Math.ceil(length / CHUNK)));
    expect((await decrypt(sealed)).equals(filled(length))).toBe(true);
  });

  test('in whatever pieces it is written', async () => {
    const whole = filled(2 * CHUNK + 100);
    const sealed = await encrypt(whole.subarray(0, 3), whole.subarray(3, CHUNK + 9), whole.subarray(CHUNK + 9));
    expect(sealed.equals(await encrypt(whole))).toBe(true);
  });

  const chunk = (n: number): Buffer => three.subarray(n * SEALED, (n + 1) * SEALED);
  test.each<[string, Uint8Array]>([
    ['cut off at a chunk', three.subarray(0, 2 * SEALED)],
    ['cut off in a chunk', three.subarray(0, 2 * SEALED + 20)],
    ['empty', three.subarray(0, 0)],
    ['longer', Buffer.concat([three, Buffer.from([0])])],
    ['followed by a chunk of its own', Buffer.concat([three, chunk(2)])],
    ['with two chunks exchanged', Buffer.concat([chunk(1), chunk(0), chunk(2)])],
    ['with a chunk twice', Buffer.concat([chunk(0), chunk(0), chunk(1), chunk(2)])],
    ['without its first chunk', three.subarray(SEALED)],
  ])('refused: %s', async (_, sealed) => {
    await expect(decrypt(sealed)).rejects.toMatchObject({ code: 'ERR_KEYSTORE_TAMPERED' });
  });

  test('refused: any bit flipped, and another key', async () => {
    const sealed = await encrypt(filled(200));
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: sealed.length * 8 - 1 }), async (bit) => {
        const changed = Buffer.from(sealed);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        await expect(decrypt(changed)).rejects.toThrow(/damaged/);
      }),
    );
    await expect(decrypt(sealed, new Uint8Array(32))).rejects.toThrow(/damaged/);
  });
});

describe('the entries', () => {
  async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const decode = async (bytes: Uint8Array, size = 7): Promise<Entry[]> => {
    const found: Entry[] = [];
    for await (const entry of decodeEntries(pieces(bytes, size), 'the backup')) found.push(entry);
    return found;
  };
  const entries = [
    { name: 'KEYSTORE', bytes: filled(100) },
    { name: 'log/0', bytes: filled(0) },
    { name: `objects/${'a'.repeat(64)}`, bytes: filled(3000) },
  ];
  const encoded = Buffer.concat([...entries.flatMap(encodeEntry), encodeEnd(3)]);

  test('come back, from chunks of any size', async () => {
    for (const size of [1, 7, 64, 5000]) expect(await decode(encoded, size)).toEqual(entries);
  });

  test.each([
    '../x',
    '/etc/passwd',
    'log/../x',
    'log/01',
    'slots/..',
    'objects/A',
    'tmp/x',
    'root/log/0',
    'KEYSTORE/x',
    '',
  ])('a name that is none of a keystore is refused: %j', async (name) => {
    const bytes = Buffer.concat([...encodeEntry({ name, bytes: filled(1) }), encodeEnd(1)]);
    await expect(decode(bytes)).rejects.toMatchObject({ code: 'ERR_KEYSTORE_TAMPERED' });
  });

  test.each<[string, Uint8Array]>([
    ['without an end', encoded.subarray(0, encoded.length - 14)],
    ['with another number of them', Buffer.concat([...entries.flatMap(encodeEntry), encodeEnd(2)])],
    ['with more behind the end', Buffer.concat([encoded, Buffer.from('x')])],
    ['with a length beyond all measure', Buffer.from('{"length":9007199254740991,"name":"log/0"}\n')],
    ['with a line beyond all measure', Buffer.from('x'.repeat(10_000))],
  ])('refused: %s', async (_, bytes) => {
    await expect(decode(bytes)).rejects.toMatchObject({ code: 'ERR_KEYSTORE_TAMPERED' });
  });
});
