import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TAG } from '../../../src/pki/der/tags.ts';
import { matchesPeerName, namesMatch } from '../../../src/pki/path/index.ts';
import { prepareString } from '../../../src/pki/path/names/string-prep.ts';
import type { GeneralName } from '../../../src/pki/x509/general-name.ts';
import { parseIp } from '../../../src/pki/x509/ip.ts';
import { type Attribute, encodeName } from '../../../src/pki/x509/name.ts';

const CN = '2.5.4.3';
const OU = '2.5.4.11';
const utf16 = (text: string): Uint8Array =>
  Uint8Array.from([...text].flatMap((c) => [c.charCodeAt(0) >> 8, c.charCodeAt(0) & 0xff]));
const attribute = (type: string, tag: number, text: string): Attribute => ({
  type,
  tag,
  content: tag === TAG.bmpString ? utf16(text) : new TextEncoder().encode(text),
});
const name = (...rdns: Attribute[][]): Uint8Array => encodeName(rdns);
const common = (tag: number, text: string): Uint8Array => name([attribute(CN, tag, text)]);

describe('distinguished names (RFC 5280 §7.1)', () => {
  test.each<[number, string, number, string, boolean]>([
    [TAG.utf8String, 'Acme', TAG.printableString, 'ACME', true],
    [TAG.utf8String, ' Acme   CA ', TAG.printableString, 'acme ca', true],
    [TAG.utf8String, 'Acme CA', TAG.utf8String, 'AcmeCA', false],
    [TAG.bmpString, 'Grüße', TAG.utf8String, 'GRÜSSE', true],
    [TAG.utf8String, 'Ⅸ', TAG.utf8String, 'ix', true],
    [TAG.utf8String, 'a\u00adb\u200d', TAG.ia5String, 'ab', true],
    [TAG.utf8String, 'a\u00a0b', TAG.utf8String, 'a b', true],
    [TAG.utf8String, 'é', TAG.utf8String, 'e\u0301', true],
    [TAG.utf8String, 'Adm\u0131n', TAG.utf8String, 'Admin', false],
    [TAG.utf8String, 'Adm\u0131n', TAG.utf8String, 'ADM\u0131N', true],
    [TAG.utf8String, '\u0130', TAG.utf8String, 'i\u0307', true],
    [TAG.utf8String, '\u017fa\u212a', TAG.utf8String, 'sak', true],
    [TAG.utf8String, '\u03a3\u03c2', TAG.utf8String, '\u03c3\u03c3', true],
    [TAG.utf8String, 'a', TAG.utf8String, 'b', false],
    [TAG.octetString, 'a', TAG.utf8String, 'a', false],
    [TAG.octetString, 'a', TAG.octetString, 'A', false],
  ])('tag %d %j and tag %d %j', (leftTag, left, rightTag, right, equal) => {
    expect(namesMatch(common(leftTag, left), common(rightTag, right))).toBe(equal);
  });

  test('attributes of one RDN have no order, RDNs have', () => {
    const a = attribute(CN, TAG.utf8String, 'a');
    const b = attribute(OU, TAG.utf8String, 'b');
    expect(namesMatch(name([a, b]), name([b, a]))).toBe(true);
    expect(namesMatch(name([a], [b]), name([b], [a]))).toBe(false);
    expect(namesMatch(name([a], [b]), name([a, b]))).toBe(false);
    expect(namesMatch(name(), name([a]))).toBe(false);
  });

  test('no text makes two RDNs of one, or another type', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (x, y) => {
        const joined = common(TAG.utf8String, `${x}\u0002${CN}\u0000=${y}`);
        const apart = name([attribute(CN, TAG.utf8String, x)], [attribute(CN, TAG.utf8String, y)]);
        expect(namesMatch(joined, apart)).toBe(false);
      }),
    );
  });

  test('preparing is idempotent, and leaves no control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const once = prepareString(text);
        expect(prepareString(once)).toBe(once);
        expect(/\p{Cc}/u.test(once)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('names asked for (RFC 9525 §6)', () => {
  const names: GeneralName[] = [
    { type: 'dns', value: 'node.example.com' },
    { type: 'dns', value: '*.wild.example.com' },
    { type: 'dns', value: 'xn--bcher-kva.example' },
    { type: 'dns', value: '10.0.0.9' },
    { type: 'dns', value: 'w*.partial.example' },
    { type: 'dns', value: '*' },
    { type: 'ip', value: parseIp('10.0.0.1') as Uint8Array },
    { type: 'ip', value: parseIp('fd00::1') as Uint8Array },
    { type: 'email', value: 'Ops@Example.com' },
    { type: 'uri', value: 'spiffe://example.com/node/a' },
  ];
  test.each([
    ['node.example.com', true],
    ['NODE.example.com.', true],
    ['example.com', false],
    ['x.node.example.com', false],
    ['a.wild.example.com', true],
    ['a.b.wild.example.com', false],
    ['wild.example.com', false],
    ['*.wild.example.com', false],
    ['ww.partial.example', false],
    ['localhost', false],
    ['bücher.example', true],
    ['10.0.0.1', true],
    ['10.0.0.9', false],
    ['fd00:0:0::0001', true],
    ['[fd00::1]', true],
    ['fd00::2', false],
    ['Ops@example.COM', true],
    ['ops@example.com', false],
    ['SPIFFE://Example.com/node/%61', true],
    ['spiffe://example.com/node/A', false],
    ['spiffe://example.com/node/b/../a', true],
    ['', false],
    ['..', false],
    ['a b', false],
    ['x@', false],
    ['https://', false],
  ])('%s', (wanted, expected) => {
    expect(matchesPeerName(names, wanted)).toBe(expected);
  });

  test.each([
    ['http://h.example:80/x', 'http://h.example/x', true],
    ['http://h.example:/x', 'http://h.example/x', true],
    ['https://H.example:443', 'https://h.example/', true],
    ['ftp://h.example:21/', 'ftp://h.example', true],
    ['ldap://h.example:389/cn=x?y', 'ldap://h.example/cn=x?y', true],
    ['http://h.example:443/x', 'http://h.example/x', false],
    ['other://h.example:80/x', 'other://h.example/x', false],
    ['other://h.example', 'other://h.example/', false],
    ['http://u@h.example/', 'http://h.example/', false],
    ['http://h.example/a/%2e%2E/b', 'http://h.example/b', true],
    ['http://%48.example/%3a', 'http://h.example/%3A', true],
    ['http://[FD00::1]/', 'http://[fd00::1]:80', true],
    ['http://h.example/\\x', 'http://h.example/\\x', false],
    ['http://h.example/a b', 'http://h.example/a b', false],
    ['http://[h.example]/', 'http://[h.example]/', false],
    ['http://h.example/#a#b', 'http://h.example/#a#b', false],
  ])('the URI %s and %s (RFC 5280 §7.4)', (presented, wanted, expected) => {
    const uri: GeneralName[] = [{ type: 'uri', value: presented }];
    expect(matchesPeerName(uri, wanted)).toBe(expected);
  });

  test('without subject alternative names nothing matches', () => {
    expect(matchesPeerName(undefined, 'node.example.com')).toBe(false);
    expect(matchesPeerName([], 'node.example.com')).toBe(false);
  });

  test('any text is a name that matches or does not', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void matchesPeerName(names, text)),
      { numRuns: 2000 },
    );
  });
});
