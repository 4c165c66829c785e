import { describe, expect, test } from '@jest/globals';
import { formatTokenUri, parseTokenUri, tokenName } from '../../src/crypto/token/uri.ts';

test('what RFC 7512 lets one say of a token, a key and the way to them', () => {
  expect(
    parseTokenUri(
      'pkcs11:token=The%20Software%20Token;manufacturer=Snake%20Oil,%20Inc.;serial=1;model=a-1;object=my%2Dkey;id=%69%95%00;type=private?module-path=/lib/a.so&pin-source=file:/run/p%69n',
    ),
  ).toEqual({
    token: 'The Software Token',
    manufacturer: 'Snake Oil, Inc.',
    serial: '1',
    model: 'a-1',
    object: 'my-key',
    id: Uint8Array.of(0x69, 0x95, 0),
    modulePath: '/lib/a.so',
    pinSource: '/run/pin',
  });
});

test('one form is written, and read again as it was', () => {
  for (const text of [
    'pkcs11:',
    'pkcs11:token=a%20b;serial=1;id=%00%FF',
    'pkcs11:token=gr%C3%BCn?module-path=/l%20x&pin-source=file:/p',
  ])
    expect(formatTokenUri(parseTokenUri(text))).toBe(text);
  expect(formatTokenUri(parseTokenUri('pkcs11:serial=1;token=a?pin-source=file:///p'))).toBe(
    'pkcs11:token=a;serial=1?pin-source=file:/p',
  );
  expect(tokenName(parseTokenUri('pkcs11:serial=7;id=%01?module-path=/l'))).toBe('pkcs11:serial=7');
});

describe('refused', () => {
  test.each([
    ['another scheme', 'file:/x'],
    ['a word', 'orders'],
    ['a PIN', 'pkcs11:token=a?pin-value=1234'],
    ['an attribute twice', 'pkcs11:token=a;token=b'],
    ['an attribute that is not known', 'pkcs11:token=a;x-slot=3'],
    ['one of the query in the path', 'pkcs11:module-path=/l'],
    ['one of the path in the query', 'pkcs11:?token=a'],
    ['no value', 'pkcs11:token'],
    ['half an escape', 'pkcs11:token=%4'],
    ['a blank', 'pkcs11:token=a b'],
    ['a library by a relative path', 'pkcs11:token=a?module-path=lib.so'],
    ['a program for the PIN', 'pkcs11:token=a?pin-source=%7C/bin/pin'],
    ['a fragment', 'pkcs11:token=a#x'],
  ])('%s', (_, text) => {
    expect(() => parseTokenUri(text)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
  });

  test('a PIN is not said again', () => {
    expect(() => parseTokenUri('pkcs11:token=a?pin-value=8472')).toThrow(expect.not.stringContaining('8472'));
  });
});
