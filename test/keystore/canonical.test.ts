import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeCanonical,
  decodeCanonicalFile,
  decodeUtf8,
  encodeCanonical,
  encodeCanonicalFile,
} from '../../src/keystore/canonical.ts';

const TAMPERED = { code: 'ERR_KEYSTORE_TAMPERED', exitCode: 13 };
const { refused } = JSON.parse(readFileSync(new URL('vectors/canonical.json', import.meta.url), 'utf8'));

const key = fc.string({ unit: 'grapheme' }).filter((name) => !/^\d+$/.test(name));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  ),
}));

test('what is encoded decodes to the same, and again to the same text', () => {
  fc.assert(
    fc.property(value, (input) => {
      const plain = JSON.parse(JSON.stringify(input));
      const text = encodeCanonical(plain);
      expect(decodeCanonical(text, 'it')).toEqual(plain);
      expect(encodeCanonical(decodeCanonical(text, 'it'))).toBe(text);
    }),
  );
});

test('the order of members does not depend on how they were put in', () => {
  fc.assert(
    fc.property(fc.dictionary(key, fc.nat()), (input) => {
      const reversed = Object.fromEntries(Object.entries(input).reverse());
      expect(encodeCanonical(reversed)).toBe(encodeCanonical(input));
    }),
  );
});

test('a file with any bit flipped is another value or refused', () => {
  const bytes = encodeCanonicalFile({ a: [1, 'é', true], b: { c: 'x' }, n: 1234567 });
  const original = Buffer.from(bytes).toString('hex');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    try {
      const again = encodeCanonicalFile(decodeCanonicalFile(flipped, 'it'));
      expect(Buffer.from(again).toString('hex')).toBe(Buffer.from(flipped).toString('hex'));
      expect(Buffer.from(again).toString('hex')).not.toBe(original);
    } catch (error) {
      expect(error).toMatchObject(TAMPERED);
    }
  }
});

test.each(refused as string[])('refuses %j', (text) => {
  expect(() => decodeCanonical(text, 'it')).toThrow(expect.objectContaining(TAMPERED));
});

test('nesting of any depth is a typed error', () => {
  for (const depth of [33, 1000, 1_000_000]) {
    const text = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(() => decodeCanonical(text, 'it')).toThrow(expect.objectContaining(TAMPERED));
  }
  expect(decodeCanonical(`${'['.repeat(32)}${']'.repeat(32)}`, 'it')).toHaveLength(1);
});

test('a member named __proto__ is a member like any other', () => {
  const decoded = decodeCanonical('{"__proto__":{"a":1}}', 'it');
  expect(Object.keys(decoded as object)).toEqual(['__proto__']);
  expect(Object.getPrototypeOf({})).toBe(Object.prototype);
});

test('undefined members are left out; what has no integer form is refused', () => {
  expect(encodeCanonical({ b: undefined, a: 1 })).toBe('{"a":1}');
  for (const bad of [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '\ud800', { '\udc00': 1 }])
    expect(() => encodeCanonical(bad)).toThrow(expect.objectContaining(TAMPERED));
});

test('UTF-8 is strict: no byte order mark, no malformed or overlong octets', () => {
  for (const octets of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x22, 0x80, 0x22]])
    expect(() => decodeUtf8(Uint8Array.from(octets), 'it')).toThrow(expect.objectContaining(TAMPERED));
  expect(() => decodeCanonicalFile(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d, 0x0a), 'it')).toThrow(
    expect.objectContaining(TAMPERED),
  );
});

test('a file without its newline, or with two, is refused', () => {
  for (const text of ['{}', '{}\n\n', '\n', ''])
    expect(() => decodeCanonicalFile(new TextEncoder().encode(text), 'it')).toThrow(expect.objectContaining(TAMPERED));
});
