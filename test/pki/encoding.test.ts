import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DerError } from '../../src/pki/der/error.ts';
import { fromBase64, toBase64 } from '../../src/pki/encoding.ts';

describe('base64', () => {
  test('agrees with Node, both ways', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64');
        expect(toBase64(bytes)).toBe(text);
        expect(fromBase64(text)).toEqual(bytes);
      }),
    );
  });

  test.each([
    'A',
    'AA',
    'AAA',
    'AB==',
    'AAB=',
    'A===',
    '====',
    'AA=A',
    'A A=',
    'AAA\n',
    'é===',
    'Ā===',
    'AA==AAAA',
    '-_==',
  ])('%j is not canonical', (text) => {
    expect(() => fromBase64(text)).toThrow(DerError);
  });

  test('whatever is read is written the same', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[AB+/=]{0,8}$/), (text) => {
        let bytes: Uint8Array;
        try {
          bytes = fromBase64(text);
        } catch (error) {
          expect(error).toBeInstanceOf(DerError);
          return;
        }
        expect(toBase64(bytes)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });
});
