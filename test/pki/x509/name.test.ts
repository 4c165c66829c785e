import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DerError } from '../../../src/pki/der/error.ts';
import { TAG } from '../../../src/pki/der/tags.ts';
import { fromHex, toHex } from '../../../src/pki/encoding.ts';
import {
  type Attribute,
  attributeText,
  commonName,
  commonNameOf,
  encodeName,
  formatName,
  type Name,
  parseDistinguishedName,
  parseName,
} from '../../../src/pki/x509/name.ts';

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const CN = '2.5.4.3';

// Values that people and attackers write: every special character of RFC 4514, at either end and inside.
const value = fc
  .array(fc.oneof(fc.constantFrom(...' #",+;<>=\\\0aé\u{1f600}\n/*'), fc.string({ unit: 'grapheme', maxLength: 2 })), {
    minLength: 1,
    maxLength: 8,
  })
  .map((parts) => parts.join(''));
const attribute: fc.Arbitrary<Attribute> = fc
  .tuple(fc.constantFrom(CN, '2.5.4.10', '2.5.4.11', '0.9.2342.19200300.100.1.1'), value)
  .map(([type, text]) => ({ type, tag: TAG.utf8String, content: octets(text) }));
const name: fc.Arbitrary<Name> = fc.array(fc.array(attribute, { minLength: 1, maxLength: 3 }), { maxLength: 4 });

describe('names', () => {
  test('survive as DER, and as RFC 4514 text', () => {
    fc.assert(
      fc.property(name, (original) => {
        expect(encodeName(parseName(encodeName(original)))).toEqual(encodeName(original));
        expect(encodeName(parseDistinguishedName(formatName(original)))).toEqual(encodeName(original));
      }),
      { numRuns: 1000 },
    );
  });

  test('any text either gives a name whose text gives it again, or is refused', () => {
    const text = fc.array(fc.constantFrom(...'CN=OUDCab#+,\\ ";<>\0 =2.5', 'é'), { maxLength: 14 });
    fc.assert(
      fc.property(text, (parts) => {
        let parsed: Name;
        try {
          parsed = parseDistinguishedName(parts.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(DerError);
          return;
        }
        expect(encodeName(parseDistinguishedName(formatName(parsed)))).toEqual(encodeName(parsed));
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ['CN=a', 'CN=a'],
    ['cn=a', 'CN=a'],
    ['2.5.4.3=a', 'CN=a'],
    ['CN=a,O=b', 'CN=a,O=b'],
    ['CN=a+OU=b,O=c', 'CN=a+OU=b,O=c'],
    ['CN=\\C3\\A9', 'CN=é'],
    ['CN=a\\2Cb', 'CN=a\\,b'],
    ['CN=\\ a\\ ', 'CN=\\ a\\ '],
    ['CN=\\#a', 'CN=\\#a'],
    ['CN=a=b', 'CN=a=b'],
    ['CN=', 'CN='],
    ['CN=#0c0161', 'CN=a'],
    ['CN=#040161', 'CN=#040161'],
    ['1.2.3=#0c0161', '1.2.3=#0c0161'],
    ['DC=com', 'DC=com'],
    ['C=DE', 'C=DE'],
    ['', ''],
  ])('%j is written %j', (text, expected) => {
    expect(formatName(parseDistinguishedName(text))).toBe(expected);
  });

  test.each([
    'CN',
    '=a',
    'CN=a,',
    ',CN=a',
    'CN=a;O=b',
    'CN="a"',
    'CN= a',
    'CN=a ',
    'CN=a\\',
    'CN=\\zz',
    'CN=\\ff',
    'CN=#0c',
    'CN=#zz',
    'CN=#0c0161x',
    'CN=<a',
    'X=a',
    '01.2=a',
    'C=é',
    'DC=é',
    'CN = a',
    'CN=a+',
  ])('%j is none', (text) => {
    expect(() => parseDistinguishedName(text)).toThrow(DerError);
  });

  test('the most specific part comes last in DER and first in text', () => {
    const parsed = parseDistinguishedName('CN=leaf,O=org,C=DE');
    expect(parsed.map((rdn) => rdn[0]?.type)).toEqual(['2.5.4.6', '2.5.4.10', CN]);
    expect(commonNameOf(parsed)).toBe('leaf');
    expect(commonNameOf(parseDistinguishedName('CN=first,CN=second'))).toBe('first');
    expect(commonNameOf(parseDistinguishedName('O=org'))).toBeUndefined();
  });

  test('tags by type: UTF8String, but PrintableString for a country and IA5String for a domain component', () => {
    const tags = parseDistinguishedName('CN=a,C=DE,DC=com,EMAIL=a@b').map((rdn) => rdn[0]?.tag);
    expect(tags).toEqual([TAG.ia5String, TAG.ia5String, TAG.printableString, TAG.utf8String]);
    expect(toHex(encodeName(commonName('é')))).toBe('300d310b3009060355040 30c02c3a9'.replace(' ', ''));
  });

  test.each<[string, number, string, string | undefined]>([
    ['UTF-8', TAG.utf8String, 'c3a9', 'é'],
    ['malformed UTF-8', TAG.utf8String, 'ff', undefined],
    ['a byte order mark is a character', TAG.utf8String, 'efbbbf', '\ufeff'],
    ['printable', TAG.printableString, '61', 'a'],
    ['printable beyond ASCII', TAG.printableString, 'e9', undefined],
    ['teletex as Latin 1', TAG.teletexString, 'e9', 'é'],
    ['BMP', TAG.bmpString, '00e9d83dde00', 'é\u{1f600}'],
    ['BMP of odd length', TAG.bmpString, '00', undefined],
    ['universal', TAG.universalString, '0001f600', '\u{1f600}'],
    ['universal beyond Unicode', TAG.universalString, '00110000', undefined],
    ['an octet string', TAG.octetString, '61', undefined],
  ])('text of %s', (_, tag, content, text) => {
    expect(attributeText({ type: CN, tag, content: fromHex(content) })).toBe(text);
  });

  test.each([
    ['an empty set', '30023100'],
    ['a pair without a value', '300b31093007060355040 3'.replace(' ', '')],
    ['a third field', '300f310d300b06035504030c01610c0161'],
    ['no set', '300c300a300806035504030c0161'],
  ])('DER that is none: %s', (_, der) => {
    expect(() => parseName(fromHex(der))).toThrow(DerError);
  });
});
