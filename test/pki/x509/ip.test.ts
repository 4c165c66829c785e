import { isIP, isIPv4 } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toHex } from '../../../src/pki/encoding.ts';
import { formatGeneralName, ipName } from '../../../src/pki/x509/general-name.ts';
import { formatIp, parseCidr, parseIp } from '../../../src/pki/x509/ip.ts';

const shown = (bytes: Uint8Array | undefined): string | undefined => bytes && toHex(bytes);

describe('addresses', () => {
  test('survive as text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const bytes = parseIp(text) as Uint8Array;
        expect(bytes).toHaveLength(isIPv4(text) ? 4 : 16);
        expect(parseIp(formatIp(bytes))).toEqual(bytes);
      }),
    );
  });

  test('any octets survive as text', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    fc.assert(fc.property(bytes, (address) => expect(parseIp(formatIp(address))).toEqual(address)));
  });

  test('nothing is an address that Node does not take for one', () => {
    const text = fc.array(fc.constantFrom(...'0123456789abcf.:%x'), { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (candidate) => {
        if (parseIp(candidate) !== undefined) expect(isIP(candidate)).not.toBe(0);
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ['10.0.0.1', '0a000001'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:db8::a:b', '20010db80000000000000000000a000b'],
    ['::ffff:10.0.0.1', '00000000000000000000ffff0a000001'],
  ])('%s', (text, hex) => {
    expect(shown(parseIp(text))).toBe(hex);
    expect(formatGeneralName(ipName(text))).toMatch(/^IP:/);
  });

  test.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.01',
    '0x0a.0.0.1',
    '10',
    '10.0.0.1 ',
    'fe80::1%eth0',
    ':::',
    '1::2::3',
    'g::',
  ])('%j is none', (text) => {
    expect(parseIp(text)).toBeUndefined();
    expect(() => ipName(text)).toThrow('not an IP address');
  });
});

describe('ranges', () => {
  test.each([
    ['10.0.0.0/8', '0a000000ff000000'],
    ['0.0.0.0/0', '0000000000000000'],
    ['127.0.0.1/32', '7f000001ffffffff'],
    ['10.128.0.0/9', '0a800000ff800000'],
    ['fc00::/7', `fc${'00'.repeat(15)}fe${'00'.repeat(15)}`],
    ['::1/128', `${'00'.repeat(15)}01${'ff'.repeat(16)}`],
  ])('%s', (text, hex) => {
    const bytes = parseCidr(text);
    expect(shown(bytes)).toBe(hex);
    expect(formatIp(bytes as Uint8Array)).toBe(text);
  });

  test.each([
    '10.0.0.0',
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::1/129',
    '::1/127',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/ 8',
    '10.0.0.0/08x',
  ])('%j is none', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test('octets of another number are shown in hex, a mask that is none as a mask', () => {
    expect(formatIp(Uint8Array.of(1, 2, 3))).toBe('#010203');
    expect(formatIp(Uint8Array.of(10, 0, 0, 0, 255, 0, 255, 0))).toBe('10.0.0.0/255.0.255.0');
  });
});
