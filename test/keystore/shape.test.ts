import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  base64,
  base64Of,
  hex,
  integer,
  list,
  oneOf,
  optional,
  record,
  type Shape,
  timestamp,
} from '../../src/keystore/shape.ts';

function takes(shape: Shape<unknown>, value: unknown): boolean {
  try {
    shape(value, 'it');
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_KEYSTORE_TAMPERED' });
    return false;
  }
}

describe('values', () => {
  test.each([
    ['integer', integer, [0, 1, 2 ** 53 - 1], [-1, 1.5, 2 ** 53, '1', null, undefined, Number.NaN]],
    ['hex', hex(2), ['00ff', 'abcd'], ['00FF', '0', '000', '00ff\n', '00fg', 255, undefined]],
    ['base64', base64, ['', 'AA==', 'AAA=', 'AAAA', '/+8='], ['A', 'AB==', 'AAB=', 'AA', 'AA==\n', 'AA-_', ' AAAA', 1]],
    ['base64Of', base64Of(2), ['AAA='], ['AA==', 'AAAA', '']],
    [
      'timestamp',
      timestamp,
      ['2026-01-02T03:04:05.678Z', '1970-01-01T00:00:00.001Z', '9999-12-31T23:59:59.999Z', '2024-02-29T00:00:00.000Z'],
      [
        '2026-01-02T03:04:05Z',
        '2026-01-02T03:04:05.678+00:00',
        '2026-02-30T00:00:00.000Z',
        '1970-01-01T00:00:00.000Z',
        '1969-12-31T23:59:59.999Z',
        '2026-01-02T24:00:00.000Z',
        '+010000-01-01T00:00:00.000Z',
        '2026',
        0,
      ],
    ],
    ['oneOf', oneOf('a', 'b'), ['a', 'b'], ['c', '', undefined, 0]],
    ['list', list(integer, 2), [[], [1], [1, 2]], [[1, 2, 3], ['a'], {}, 'a', undefined]],
  ] as [string, Shape<unknown>, unknown[], unknown[]][])('%s', (_, shape, good, bad) => {
    for (const value of good) expect([value, takes(shape, value)]).toEqual([value, true]);
    for (const value of bad) expect([value, takes(shape, value)]).toEqual([value, false]);
  });

  test('base64 has one form for each value', () => {
    fc.assert(
      fc.property(fc.base64String(), (text) => {
        const canonical = Buffer.from(text, 'base64').toString('base64') === text;
        expect(takes(base64, text)).toBe(canonical);
      }),
    );
  });
});

describe('objects', () => {
  const shape = record({ a: integer, b: optional(hex(1)) });

  test('have exactly their members', () => {
    expect(shape({ a: 1, b: '00' }, 'it')).toEqual({ a: 1, b: '00' });
    expect(shape({ a: 1 }, 'it')).toEqual({ a: 1 });
    for (const bad of [{}, { b: '00' }, { a: 1, c: 2 }, { a: '1' }, [], null, 'a', { a: 1, toString: 1 }])
      expect(takes(shape, bad)).toBe(false);
  });

  test('inherit nothing: a missing member is missing', () => {
    const proto = JSON.parse('{"__proto__":{"a":1}}');
    expect(takes(shape, proto)).toBe(false);
    expect(takes(record({ constructor: optional(integer) }), {})).toBe(true);
  });

  test('errors say where', () => {
    const nested = record({ list: list(record({ a: integer })) });
    expect(() => nested({ list: [{ a: 1 }, { a: -1 }] }, 'log record 3.body')).toThrow(
      'log record 3.body.list[1].a is not a natural number',
    );
  });
});
