import { describe, expect, test } from '@jest/globals';
import { encodeCanonical } from '../../src/keystore/canonical.ts';
import {
  decodeRecord,
  encodeRecord,
  encodeSignedLine,
  type LogRecord,
  RECORD_LIMIT,
} from '../../src/keystore/log/record.ts';
import { fixedEd25519 } from './support/deterministic-keys.ts';
import { AUDIT, IDENTITY, vectorFile } from './support/small-log.ts';

const TAMPERED = { code: 'ERR_KEYSTORE_TAMPERED' };
const ENTRY: LogRecord = {
  v: 1,
  seq: 5,
  prev: '00'.repeat(32),
  time: '2026-01-02T03:04:05.678Z',
  epoch: 0,
  actor: 'ops@host é',
  op: 'abandon',
  requestId: 'r',
  body: { serials: ['40'.repeat(20)] },
};
const encode = (entry: object) => encodeRecord(IDENTITY.id, entry as LogRecord, AUDIT.signer);
const decode = (bytes: Uint8Array, seq = 5, id = IDENTITY.id, key = AUDIT.spki) => decodeRecord(id, seq, bytes, key);
const raw = { ...ENTRY, epoch: undefined };

describe('the codec', () => {
  test('round trip, the epoch left out when it is 0', async () => {
    const bytes = await encode(ENTRY);
    expect(Buffer.from(bytes).toString()).not.toContain('epoch');
    expect(decode(bytes)).toEqual(ENTRY);
    expect(decode(await encode({ ...ENTRY, epoch: 2 }))).toEqual({ ...ENTRY, epoch: 2 });
  });

  test('every single bit flipped is refused', async () => {
    const bytes = await encode(ENTRY);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => decode(flipped)).toThrow(expect.objectContaining(TAMPERED));
    }
  });

  test('every truncation and every octet behind it is refused', async () => {
    const bytes = await encode(ENTRY);
    for (let end = 0; end < bytes.length; end++)
      expect(() => decode(bytes.subarray(0, end))).toThrow(expect.objectContaining(TAMPERED));
    for (const octet of [0x00, 0x0a, 0x20, 0x7b])
      expect(() => decode(Uint8Array.from([...bytes, octet]))).toThrow(expect.objectContaining(TAMPERED));
  });

  test('another key, another keystore, another number', async () => {
    const bytes = await encode(ENTRY);
    expect(() => decode(bytes, 5, IDENTITY.id, fixedEd25519('other').spki)).toThrow(expect.objectContaining(TAMPERED));
    expect(() => decode(bytes, 5, '00'.repeat(16))).toThrow(expect.objectContaining(TAMPERED));
    expect(() => decode(bytes, 6)).toThrow(expect.objectContaining(TAMPERED));
  });

  test('a signature for a snapshot is none for a record', async () => {
    const bytes = await encodeSignedLine('snapshot', IDENTITY.id, raw, AUDIT.signer);
    expect(() => decode(bytes)).toThrow(expect.objectContaining(TAMPERED));
  });

  test('an octet that is no UTF-8 cannot stand for U+FFFD', async () => {
    const bytes = await encode({ ...ENTRY, actor: '\ufffd' });
    const at = Buffer.from(bytes).indexOf(Buffer.from('efbfbd', 'hex'));
    const lenient = Uint8Array.from([...bytes.subarray(0, at), 0xff, ...bytes.subarray(at + 3)]);
    expect(() => decode(lenient)).toThrow(expect.objectContaining(TAMPERED));
  });
});

describe('signed, and still refused', () => {
  test.each([
    ['a number of a later version, whatever its form', { v: 2, x: [] }, 'later version'],
    ['an operation of a later version', { ...raw, op: 'of-tomorrow', body: { any: 1 } }, 'later version'],
    ['version 0', { ...raw, v: 0 }, 'no known version'],
    ['epoch 0 written', { ...raw, epoch: 0 }, 'time epoch 0'],
    ['another member', { ...raw, more: 1 }, 'absent'],
    ['another member of the body', { ...raw, body: { serials: [], more: 1 } }, 'absent'],
    ['a missing member', { ...raw, actor: undefined }, 'a string'],
    ['a body of another form', { ...raw, body: { serials: ['40'] } }, '20 octets'],
    ['a list over its limit', { ...raw, body: { serials: Array(4097).fill('40'.repeat(20)) } }, 'at most 4096'],
    ['a list in place of an object', [], 'an object'],
  ])('%s', (_, value, message) => {
    const bytes = signLine(encodeCanonical(value));
    expect(() => decode(bytes)).toThrow(
      expect.objectContaining({ ...TAMPERED, message: expect.stringContaining(message) }),
    );
  });

  test('another order of members, or white space', async () => {
    const line = JSON.stringify(raw);
    expect(line).not.toBe(encodeCanonical(raw));
    expect(() => decode(signLine(line))).toThrow('canonical');
    expect(() => decode(signLine(`${encodeCanonical(raw)} `))).toThrow('canonical');
  });

  test('more than 256 KiB', async () => {
    const large = { ...raw, actor: 'x'.repeat(RECORD_LIMIT) };
    expect(() => decode(signLine(encodeCanonical(large)))).toThrow('larger than');
    await expect(encode({ ...ENTRY, actor: 'x'.repeat(RECORD_LIMIT) })).rejects.toThrow('larger than');
  });
});

test('a record of a wrong form is never signed: it would close the keystore to everybody', async () => {
  for (const change of [{ body: { serials: ['x'] } }, { time: '2026-01-01' }, { seq: -1 }, { body: {} }])
    await expect(encode({ ...ENTRY, ...change })).rejects.toThrow('wrong form');
});

test('every record of the vectors is written again as it stands', async () => {
  for (let seq = 0; seq <= 8; seq++) {
    const bytes = vectorFile(`log/0/${seq}`);
    const again = await encodeRecord(IDENTITY.id, decode(bytes, seq), AUDIT.signer);
    expect(Buffer.from(again).equals(bytes)).toBe(true);
  }
});

function signLine(line: string): Uint8Array {
  const data = Buffer.concat([Buffer.from('cluster-ca v1 log\0'), Buffer.from(IDENTITY.id, 'hex'), Buffer.from(line)]);
  return Buffer.from(`${line}\n${AUDIT.signNow(data).toString('hex')}\n`);
}
