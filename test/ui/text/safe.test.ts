import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { safeItem, safeJson, safeText } from '../../../src/ui/text/safe.ts';
import { dangerous } from './dangerous.ts';

test.each([
  ['ESC, a colour', '\u001b[31mred', '\\u{1b}[31mred'],
  ['OSC 8, a link', '\u001b]8;;http://evil\u0007', '\\u{1b}]8;;http://evil\\u{7}'],
  ['OSC 52, the clipboard', '\u001b]52;c;eA==\u001b\\', '\\u{1b}]52;c;eA==\\u{1b}\\'],
  ['CSI in one character', '\u009b2J', '\\u{9b}2J'],
  ['DEL', 'a\u007f', 'a\\u{7f}'],
  ['newlines and tabs', 'a\r\n\tb', 'a\\u{d}\\u{a}\\u{9}b'],
  ['a right-to-left override', 'a\u202egpj.exe', 'a\\u{202e}gpj.exe'],
  ['bidi isolates and marks', '\u2066\u2069\u061c\u200e\u200f', '\\u{2066}\\u{2069}\\u{61c}\\u{200e}\\u{200f}'],
  ['line separators', '\u2028\u2029', '\\u{2028}\\u{2029}'],
  ['zero-width characters', 'n\u200b1\ufeff', 'n\\u{200b}1\\u{feff}'],
  ['tags', '\u{e0041}', '\\u{e0041}'],
  ['a lone surrogate', 'a\ud800b', 'a\\u{d800}b'],
  ['what is harmless', 'Zürich, 東京, 🙂', 'Zürich, 東京, 🙂'],
])('escapes %s', (_, text, safe) => {
  expect(safeText(text)).toBe(safe);
});

test('without Unicode everything beyond ASCII is escaped, for its octets may be controls elsewhere', () => {
  expect(safeText('Ûx RFC 5280 §4.1', { unicode: false })).toBe('\\u{db}x RFC 5280 section 4.1');
});

test('an item with a comma, a space or a quote is quoted', () => {
  expect(safeItem('DNS:a.example')).toBe('DNS:a.example');
  expect(safeItem('DNS:a, DNS:b')).toBe('"DNS:a, DNS:b"');
  expect(safeItem('a"b')).toBe('"a\\"b"');
  expect(safeItem('')).toBe('""');
});

test('JSON escapes the same characters, and parses to the same value', () => {
  const value = { 'key\u009b': ['\u202e', '\u001b]52;c;x', '\ud800', '\u{e0041}', 'é'] };
  const json = safeJson(value);
  expect(json).toContain('"\\u202e"');
  expect(json).toContain('\\udb40\\udc41');
  expect(json).toContain('"é"');
  expect(json).toContain('\n  "key\\u009b"');
  expect(dangerous(json)).toEqual([]);
  expect(JSON.parse(json)).toEqual(value);
});

test('property: nothing dangerous in text, nothing lost in JSON', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      expect(dangerous(safeText(text))).toEqual([]);
      expect(safeText(text)).not.toContain('\n');
      expect(safeText(text, { unicode: false })).toMatch(/^[\x20-\x7e]*$/);
      expect(dangerous(safeJson([text]))).toEqual([]);
      expect(JSON.parse(safeJson([text]))).toEqual([text]);
    }),
    { seed: 8, numRuns: 2000 },
  );
});
