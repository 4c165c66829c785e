import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { csvField } from '../../src/audit/export.ts';

describe('a CSV field', () => {
  test.each([
    ['root@db-1', 'root@db-1'],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    [' =1', '" \'=1"'],
    ['"=1', '"""\'=1"'],
    ['\uff1d1', "'\uff1d1"],
    // Where a semicolon separates, what follows it begins a cell.
    ['a;=1', '"a;\'=1"'],
    ['x\t=1', "x\\u{9}'=1"],
    ['\r=1', "\\u{d}'=1"],
    ['a\nb', 'a\\u{a}b'],
    ['\u202e', '\\u{202e}'],
    ['a-b', 'a-b'],
  ])('%j', (value, field) => {
    expect(csvField(value)).toBe(field);
  });

  test('no field, read back, begins a formula', () => {
    const text = fc.string({ unit: fc.constantFrom(...'=+-@;|,"\' \t\n\r', '\uff1d', '\uff20', 'a', '1') });
    fc.assert(
      fc.property(text, (value) => {
        const field = csvField(value);
        expect(field).not.toMatch(/[\r\n]/);
        const read = field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field;
        if (!field.startsWith('"')) expect(field).not.toMatch(/[",]/);
        for (const cell of read.split(/[;|\t]/)) expect(cell).not.toMatch(/^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/);
      }),
    );
  });
});
