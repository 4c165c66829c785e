import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DerError } from '../../../src/pki/der/error.ts';
import { decodeOid, encodeOid } from '../../../src/pki/der/oid.ts';
import { OID } from '../../../src/pki/oids.ts';

const arc = fc.bigInt({ min: 0n, max: 2n ** 130n });
const dotted = fc
  .tuple(fc.nat(2), arc, fc.array(arc, { maxLength: 2 }))
  .map(([top, second, rest]) => [top, top < 2 ? second % 40n : second, ...rest].join('.'));

describe('object identifiers', () => {
  test('every one survives, arcs beyond 2^53 too', () => {
    fc.assert(fc.property(dotted, (text) => expect(decodeOid(encodeOid(text))).toBe(text)));
  });

  test.each([
    ['2.5.4.3', '550403'],
    ['1.2.840.113549.1.1.11', '2a864886f70d01010b'],
    ['2.999', '8837'],
    ['0.0', '00'],
    ['2.25.224899156289227463262785109289926333293', undefined],
  ])('%s', (text, hex) => {
    const content = encodeOid(text);
    if (hex !== undefined) expect(Buffer.from(content).toString('hex')).toBe(hex);
    expect(decodeOid(content)).toBe(text);
  });

  test('every one that is used is well formed', () => {
    for (const value of Object.values(OID)) expect(decodeOid(encodeOid(value))).toBe(value);
  });

  test.each(['', '1', '3.1', '0.40', '1.40', '1.2.', '.1.2', '1..2', '1.02', '1.-2', '1.2a', ' 1.2', '1.2\n'])(
    '%j is none',
    (text) => {
      expect(() => encodeOid(text)).toThrow(DerError);
    },
  );

  test.each([
    ['empty', ''],
    ['cut off', '2a86'],
    ['an arc with a leading zero septet', '2a80ff01'],
    ['a first arc with a leading zero septet', '8001'],
    ['65 octets', '2a'.repeat(65)],
    ['one arc of 65 octets', `${'ff'.repeat(64)}7f`],
  ])('content that is none: %s', (_, hex) => {
    expect(() => decodeOid(Buffer.from(hex, 'hex'))).toThrow(DerError);
  });

  test('every content either decodes to what encodes to it, or is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (content) => {
        try {
          expect(encodeOid(decodeOid(content))).toEqual(content);
        } catch (error) {
          expect(error).toBeInstanceOf(DerError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
