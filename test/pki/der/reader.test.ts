import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DerError } from '../../../src/pki/der/error.ts';
import { DerReader, readDer } from '../../../src/pki/der/reader.ts';
import { contextTag, TAG } from '../../../src/pki/der/tags.ts';
import {
  bitString,
  boolean,
  compareBytes,
  concatBytes,
  NULL,
  namedBits,
  octetString,
  sequence,
  setOf,
  tlv,
  unsignedInteger,
  utf8String,
} from '../../../src/pki/der/writer.ts';
import { fromHex, toHex } from '../../../src/pki/encoding.ts';

const hex = (text: string): DerReader => new DerReader(fromHex(text.replaceAll(' ', '')));
const octets = fc.uint8Array({ maxLength: 300 });

/** A value by what it is, and its DER. */
interface Node {
  tag: number;
  content?: Uint8Array;
  children?: Node[];
}
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5 },
    fc.record({ tag: fc.constantFrom(TAG.octetString, TAG.utf8String, contextTag(3, false)), content: octets }),
    fc.record({
      tag: fc.constantFrom(TAG.sequence, TAG.set, contextTag(0, true)),
      children: fc.array(tie('node'), { maxLength: 4 }),
    }),
  ),
}));
const encode = ({ tag, content, children }: Node): Uint8Array =>
  content === undefined ? tlv(tag, ...(children ?? []).map(encode)) : tlv(tag, content);

function check(reader: DerReader, { tag, content, children }: Node): void {
  expect(reader.peek()).toBe(tag);
  if (content !== undefined) {
    expect(reader.content(tag)).toEqual(content);
    return;
  }
  const inner = reader.enter(tag);
  for (const child of children ?? []) check(inner, child);
  expect(inner.done).toBe(true);
  inner.end();
}

describe('round trips', () => {
  test('any tree', () => {
    fc.assert(fc.property(node, (tree) => readDer(encode(tree), (reader) => check(reader, tree))));
  });

  test('integers', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 200n }), (value) => {
        const content = readDer(unsignedInteger(value), (reader) => reader.integer());
        expect(content.length === 1 || content[0] !== 0 || (content[1] as number) >= 0x80).toBe(true);
        expect(BigInt(`0x${toHex(content)}`)).toBe(value);
      }),
    );
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), (value) =>
        expect(readDer(unsignedInteger(value), (reader) => reader.smallInteger())).toBe(value),
      ),
    );
  });

  test('bit strings, named bits, booleans', () => {
    fc.assert(
      fc.property(octets, (bytes) =>
        expect(readDer(bitString(bytes), (reader) => reader.octetAlignedBitString())).toEqual(bytes),
      ),
    );
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(20)), (bits) => {
        const { bytes, unused } = readDer(namedBits(bits), (reader) => reader.bitString());
        const found = [];
        for (let bit = 0; bit < bytes.length * 8 - unused; bit++)
          if (((bytes[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0) found.push(bit);
        expect(found).toEqual(bits.toSorted((a, b) => a - b));
      }),
    );
    for (const value of [true, false]) expect(readDer(boolean(value), (reader) => reader.boolean())).toBe(value);
    readDer(NULL, (reader) => reader.null());
    expect(readDer(utf8String('é'), (reader) => reader.content(TAG.utf8String))).toEqual(fromHex('c3a9'));
  });

  test('lengths around every boundary', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000, 16_777_215, 16_777_216]) {
      const value = octetString(new Uint8Array(length));
      expect(readDer(value, (reader) => reader.content()).length).toBe(length);
      expect(value.length - length).toBe(
        length < 128 ? 2 : length < 256 ? 3 : length < 65_536 ? 4 : length < 2 ** 24 ? 5 : 6,
      );
    }
  });

  test('a SET OF is sorted, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(octets, { maxLength: 6 }), (parts) => {
        const elements = parts.map((part) => octetString(part));
        const set = readDer(setOf(...elements), (reader) => {
          const inner = reader.enter(TAG.set);
          const found = [];
          while (!inner.done) found.push(inner.raw());
          return found;
        });
        expect(set).toEqual(elements.toSorted(compareBytes));
      }),
    );
  });
});

describe('strictness: refused is', () => {
  test.each<[string, string, (reader: DerReader) => unknown]>([
    ['an indefinite length', '30 80 00 00', (r) => r.enter()],
    ['a length that would fit the short form', '04 81 01 00', (r) => r.content()],
    ['a length with a leading zero octet', `04 82 00 80 ${'00'.repeat(128)}`, (r) => r.content()],
    ['a length of five octets', '04 85 00 00 00 00 01 00', (r) => r.content()],
    ['a length beyond the end', '04 05 00', (r) => r.content()],
    ['a length of 4 GiB', '04 84 ff ff ff ff 00', (r) => r.content()],
    ['a child beyond its parent', '30 03 04 05 00 00 00 00', (r) => r.enter().content()],
    ['a cut off header', '04', (r) => r.content()],
    ['a cut off length', '04 82 01', (r) => r.content()],
    ['nothing at all', '', (r) => r.content()],
    ['a high tag number', '1f 01 00', (r) => r.content()],
    ['another tag', '04 00', (r) => r.content(TAG.sequence)],
    ['data behind the value', '04 00 00', (r) => [r.content(), r.end()]],
    ['an empty integer', '02 00', (r) => r.integer()],
    ['an integer with a leading zero', '02 02 00 7f', (r) => r.integer()],
    ['a negative integer with a leading ff', '02 02 ff 80', (r) => r.integer()],
    ['a small integer that is negative', '02 01 ff', (r) => r.smallInteger()],
    ['a small integer of 2^31', '02 05 00 80 00 00 00', (r) => r.smallInteger()],
    ['a boolean of 01', '01 01 01', (r) => r.boolean()],
    ['an empty boolean', '01 00', (r) => r.boolean()],
    ['a boolean of two octets', '01 02 00 00', (r) => r.boolean()],
    ['a NULL with content', '05 01 00', (r) => r.null()],
    ['an empty bit string', '03 00', (r) => r.bitString()],
    ['8 unused bits', '03 02 08 00', (r) => r.bitString()],
    ['unused bits without an octet', '03 01 01', (r) => r.bitString()],
    ['unused bits that are set', '03 02 01 01', (r) => r.bitString()],
    ['a bit string that is not of octets', '03 02 01 00', (r) => r.octetAlignedBitString()],
  ])('%s', (_, text, read) => {
    expect(() => read(hex(text))).toThrow(DerError);
  });

  test('nesting beyond 32 levels', () => {
    const nested = (levels: number): Uint8Array => {
      let value: Uint8Array = NULL;
      for (let i = 0; i < levels; i++) value = sequence(value);
      return value;
    };
    const descend = (levels: number): void => {
      let reader = new DerReader(nested(levels));
      for (let i = 0; i < levels; i++) reader = reader.enter();
    };
    descend(32);
    expect(() => descend(33)).toThrow('nested deeper than 32');
  });

  test('an error tells the offset', () => {
    const error = catching(() => {
      const inner = hex('30 06 04 02 00 00 02 00').enter();
      inner.content();
      inner.integer();
    });
    expect(error).toMatchObject({ code: 'ERR_CONFIG', exitCode: 2, details: { offset: 6 } });
  });
});

test('arbitrary octets give a value or a DerError, nothing else', () => {
  const walk = (reader: DerReader): void => {
    while (!reader.done)
      if ((reader.peek() & 0x20) === 0) reader.content();
      else walk(reader.enter(reader.peek()));
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const error = catching(() => walk(new DerReader(bytes)));
      if (error !== undefined) expect(error).toBeInstanceOf(DerError);
    }),
    { numRuns: 3000 },
  );
});

test('what is read are views, not copies', () => {
  const der = sequence(octetString(Uint8Array.of(1, 2, 3)));
  const content = new DerReader(der).enter().content();
  expect(content.buffer).toBe(der.buffer);
  expect(concatBytes(content)).toEqual(Uint8Array.of(1, 2, 3));
});

function catching(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
