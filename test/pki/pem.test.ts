import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DerError } from '../../src/pki/der/error.ts';
import { decodePem, encodePem, looksLikePem } from '../../src/pki/pem.ts';

const label = fc.constantFrom('CERTIFICATE', 'X509 CRL', 'PRIVATE KEY', 'CERTIFICATE REQUEST');

describe('PEM (RFC 7468)', () => {
  test('blocks survive, with text, CR LF and spaces around and inside', () => {
    const block = fc.record({ label, bytes: fc.uint8Array({ maxLength: 200 }) });
    const between = fc.constantFrom('', '\n', 'subject=CN = x\r\n', '# note\n\n', '-----\n', '\u00e9\n');
    fc.assert(
      fc.property(fc.array(fc.tuple(between, block), { maxLength: 4 }), fc.boolean(), (parts, dos) => {
        const text = parts.map(([before, one]) => before + encodePem(one.label, one.bytes)).join('');
        const file = dos ? text.replace(/\r?\n/g, '\r\n') : text;
        expect(decodePem(file)).toEqual(parts.map(([, one]) => one));
        expect(decodePem(Buffer.from(file, 'latin1'))).toEqual(parts.map(([, one]) => one));
      }),
    );
  });

  test('lines of 64 characters, a newline at the end', () => {
    expect(encodePem('CERTIFICATE', new Uint8Array(49))).toBe(
      `-----BEGIN CERTIFICATE-----\n${'A'.repeat(64)}\nAA==\n-----END CERTIFICATE-----\n`,
    );
  });

  test.each([
    ['a block without its end', '-----BEGIN CERTIFICATE-----\nAAAA\n'],
    ['ends that differ', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n'],
    ['a block in a block', '-----BEGIN A-----\n-----BEGIN B-----\nAAAA\n-----END B-----\n-----END A-----\n'],
    ['bad base64', '-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n'],
    ['unused bits set', '-----BEGIN CERTIFICATE-----\nAB==\n-----END CERTIFICATE-----\n'],
    [
      'headers of old PEM',
      '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n',
    ],
    ['padding in the middle', '-----BEGIN A-----\nAA==AAAA\n-----END A-----\n'],
    ['a label of lower case', '-----BEGIN certificate-----\nAAAA\n-----END certificate-----\n'],
    ['a label that never ends', `-----BEGIN ${'A'.repeat(100_000)}`],
    ['an octet that is no character', '-----BEGIN A-----\nAA\u0000A\n-----END A-----\n'],
  ])('refused: %s', (_, text) => {
    expect(() => decodePem(text)).toThrow(DerError);
  });

  test('none at all is an empty list', () => {
    for (const text of ['', 'no block', '-----END CERTIFICATE-----\n', '----BEGIN A----'])
      expect(decodePem(text)).toEqual([]);
  });

  test('more than 32 MiB is refused before it is read', () => {
    expect(() => decodePem('A'.repeat(32 * 1024 * 1024 + 1))).toThrow('larger than');
  });

  test.each([
    ['begins without an end', '-----BEGIN A-----\n'],
    ['begins in one line', '-----BEGIN A-----'],
    ['dashes', '-----'],
    ['lines of spaces behind a begin', `-----BEGIN A-----${' '.repeat(64)}\n`],
    ['whole blocks', '-----BEGIN A-----\nAAAA\n-----END A-----\n'],
  ])('8 MiB of %s end', (_, part) => {
    const text = part.repeat(Math.floor((8 * 1024 * 1024) / part.length));
    try {
      decodePem(text);
    } catch (error) {
      expect(error).toBeInstanceOf(DerError);
    }
  });

  test('a single block whose body is 30 MiB', () => {
    const bytes = new Uint8Array(22 * 1024 * 1024);
    expect(decodePem(encodePem('X509 CRL', bytes))[0]?.bytes.length).toBe(bytes.length);
  });

  test('it is told from DER by its begin', () => {
    expect(looksLikePem(new TextEncoder().encode('text\n-----BEGIN X-----'))).toBe(true);
    for (const bytes of [Uint8Array.of(0x30, 0), new Uint8Array(0), new TextEncoder().encode('text')])
      expect(looksLikePem(bytes)).toBe(false);
  });
});
