import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DerError } from '../../../src/pki/der/error.ts';
import { TAG } from '../../../src/pki/der/tags.ts';
import { generalizedTime, parseTime, time } from '../../../src/pki/der/time.ts';

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('times (RFC 5280 §4.1.2.5)', () => {
  test('every instant in whole seconds survives, in the form its year wants', () => {
    const range = { min: new Date('0000-01-01Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true };
    fc.assert(
      fc.property(fc.date(range), (date) => {
        const seconds = Math.floor(date.getTime() / 1000) * 1000;
        for (const der of [time(date), generalizedTime(date)])
          expect(parseTime(der[0] as number, der.subarray(2))).toBe(seconds);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['491231235959Z', '2049-12-31T23:59:59.000Z'],
    ['500101000000Z', '1950-01-01T00:00:00.000Z'],
    ['240229000000Z', '2024-02-29T00:00:00.000Z'],
  ])('UTCTime %s', (text, expected) => {
    expect(new Date(parseTime(TAG.utcTime, octets(text))).toISOString()).toBe(expected);
  });

  test.each([
    [TAG.utcTime, '230229000000Z'],
    [TAG.utcTime, '231301000000Z'],
    [TAG.utcTime, '230100000000Z'],
    [TAG.utcTime, '230101240000Z'],
    [TAG.utcTime, '230101006000Z'],
    [TAG.utcTime, '230101000060Z'],
    [TAG.utcTime, '2301010000Z'],
    [TAG.utcTime, '230101000000+0000'],
    [TAG.utcTime, '23010100000 Z'],
    [TAG.utcTime, '20230101000000Z'],
    [TAG.generalizedTime, '19000229000000Z'],
    [TAG.generalizedTime, '20230101000000.5Z'],
    [TAG.generalizedTime, '230101000000Z'],
    [TAG.generalizedTime, ''],
  ])('tag %d: %s is none', (tag, text) => {
    expect(() => parseTime(tag, octets(text))).toThrow(DerError);
  });
});
