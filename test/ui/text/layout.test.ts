import { expect, test } from '@jest/globals';
import { keyValues, paragraph } from '../../../src/ui/text/lines.ts';
import { plainStyle, type Style } from '../../../src/ui/text/style.ts';
import { descent, tree } from '../../../src/ui/text/tree.ts';
import { pad, take, textWidth, truncate } from '../../../src/ui/text/width.ts';
import { wrap } from '../../../src/ui/text/wrap.ts';

const unicode: Style = { ...plainStyle, unicode: true };

test('width counts columns: wide characters two, combining marks and colours none', () => {
  expect(textWidth('n1')).toBe(2);
  expect(textWidth('東京')).toBe(4);
  expect(textWidth('e\u0301')).toBe(1);
  expect(textWidth('\u001b[31mred\u001b[39m')).toBe(3);
});

test('cuts whole graphemes, with an ellipsis', () => {
  expect(truncate('redis-1.orders', 9, unicode)).toBe('redis-1.…');
  expect(truncate('redis-1.orders', 9, plainStyle)).toBe('redis-...');
  expect(truncate('東京都庁', 5, unicode)).toBe('東京…');
  expect(truncate('東京都庁', 8, unicode)).toBe('東京都庁');
  expect(truncate('abc', 0, unicode)).toBe('');
  expect(truncate('abcd', 3, plainStyle)).toBe('ab.');
  expect(take('e\u0301e\u0301', 1)).toBe('e\u0301');
});

test('fills up to the left or the right', () => {
  expect(pad('東', 4)).toBe('東  ');
  expect(pad('7', 3, 'right')).toBe('  7');
  expect(pad('long', 2)).toBe('long');
});

test('wraps at spaces and commas, inside a word where it must', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('CN=n1,O=Acme,C=CH', 8)).toEqual(['CN=n1,', 'O=Acme,', 'C=CH']);
  expect(wrap('a'.repeat(10), 4)).toEqual(['aaaa', 'aaaa', 'aa']);
  expect(wrap('', 4)).toEqual(['']);
  expect(wrap('東京都', 1)).toEqual(['東', '京', '都']);
  expect(wrap(`x ${'y'.repeat(8)} z`, 4)).toEqual(['x', 'yyyy', 'yyyy', 'z']);
});

test('labels and values in two columns, values wrapped, control characters visible', () => {
  const lines = keyValues(
    [
      { label: 'subject', value: 'CN=\u001b]8;;x\u0007' },
      { label: 'names', value: ['DNS:a', 'DNS:b'] },
      { label: 'absent', value: undefined },
      { label: 'long', value: 'word '.repeat(20) },
      { label: 'bar', value: undefined, ready: '[==--]' },
    ],
    { ...plainStyle, width: 40 },
    { indent: 2 },
  );
  expect(lines.slice(0, 3)).toEqual(['  subject  CN=\\u{1b}]8;;x\\u{7}', '  names    DNS:a', '           DNS:b']);
  expect(lines.at(-1)).toBe('  bar      [==--]');
  expect(Math.max(...lines.map(textWidth))).toBeLessThanOrEqual(40);
});

test('a paragraph keeps its indent', () => {
  expect(paragraph('one two three', { ...plainStyle, width: 9 }, 2)).toEqual(['  one two', '  three']);
});

test('draws a chain as a tree, with lines below each name', () => {
  const chain = descent([
    ['Root', 'valid'],
    ['Issuing', 'valid'],
    ['n1', 'expired'],
  ]);
  expect(tree(chain, unicode)).toEqual(['Root', '│  valid', '└─ Issuing', '   │  valid', '   └─ n1', '      expired']);
});

test('draws siblings, in ASCII', () => {
  const leaf = (name: string) => ({ lines: [name, 'x'], children: [] });
  expect(tree([{ lines: ['a'], children: [leaf('b'), leaf('c')] }], plainStyle)).toEqual([
    'a',
    '|- b',
    '|  x',
    '`- c',
    '   x',
  ]);
});
