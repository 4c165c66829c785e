import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DerError } from '../../src/pki/der/error.ts';
import { unsignedInteger } from '../../src/pki/der/writer.ts';
import { fromAscii, fromHex, toAscii, toHex } from '../../src/pki/encoding.ts';
import { keyIdentifier } from '../../src/pki/key-identifier.ts';
import { REASON_CODES, reasonName } from '../../src/pki/revocation-reason.ts';
import { formatSerial, newSerial, parseSerial } from '../../src/pki/serial.ts';
import { isWithin, lifetimeOf, validityFor } from '../../src/pki/validity.ts';
import { makeKey } from '../support/make-pki.ts';

describe('hex and ASCII', () => {
  test('survive', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => expect(fromHex(toHex(bytes))).toEqual(bytes)));
    expect(toHex(fromHex('ABcd'))).toBe('abcd');
    expect(fromAscii(toAscii('a\0~'))).toBe('a\0~');
  });

  test('others are refused', () => {
    for (const text of ['0', '0g', ' 00', '00\n', '0x00']) expect(() => fromHex(text)).toThrow(DerError);
    expect(() => toAscii('é')).toThrow(DerError);
  });
});

describe('serial numbers', () => {
  test('20 octets, positive, never shorter, whatever the generator gives', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
        const serial = newSerial((length) => {
          expect(length).toBe(20);
          return Uint8Array.from(bytes);
        });
        expect(serial[0]).toBeGreaterThanOrEqual(0x40);
        expect(serial[0]).toBeLessThanOrEqual(0x7f);
        expect(serial.subarray(1)).toEqual(bytes.subarray(1));
        expect(unsignedInteger(serial)).toHaveLength(22);
        expect(parseSerial(formatSerial(serial))).toBe(toHex(serial));
      }),
    );
  });

  test.each([
    ['00ff', 'ff'],
    ['ff', 'ff'],
    ['00', '00'],
    ['0100', '0100'],
  ])('the content %s is shown as %s', (content, text) => {
    expect(formatSerial(fromHex(content))).toBe(text);
  });

  test.each([
    ['AB:CD', 'abcd'],
    ['0xab', undefined],
    ['abc', '0abc'],
    ['00000abc', '0abc'],
    ['0', '00'],
    ['000', '00'],
    ['', undefined],
    [':', undefined],
    ['xyz', undefined],
    ['12 34', undefined],
    ['f'.repeat(65), undefined],
  ])('%j is read as %j', (text, serial) => {
    expect(parseSerial(text)).toBe(serial);
  });
});

describe('validity', () => {
  const NOW = new Date('2026-01-02T03:04:05.678Z');
  const HOUR = 3_600_000;
  const DAY = 24 * HOUR;

  test.each([
    [90 * DAY, '2026-01-02T02:04:05.000Z', '2026-04-02T02:04:04.000Z'],
    [60_000, '2026-01-02T03:03:59.000Z', '2026-01-02T03:04:58.000Z'],
    [1000, '2026-01-02T03:04:05.000Z', '2026-01-02T03:04:05.000Z'],
    [1, '2026-01-02T03:04:05.000Z', '2026-01-02T03:04:05.000Z'],
  ])('a life of %d ms', (lifetime, notBefore, notAfter) => {
    const validity = validityFor(NOW, lifetime);
    expect([validity.notBefore.toISOString(), validity.notAfter.toISOString()]).toEqual([notBefore, notAfter]);
  });

  test('backdated by at most an hour and a tenth, inside the lifetime, never beyond the issuer', () => {
    const lifetime = fc.integer({ min: 1, max: 3650 * 86_400 }).map((seconds) => seconds * 1000);
    fc.assert(
      fc.property(lifetime, fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined }), (life, days) => {
        const latest = days === undefined ? undefined : Math.floor(NOW.getTime() / 1000) * 1000 + days * DAY;
        const { notBefore, notAfter } = validityFor(NOW, life, latest);
        const [start, end] = [notBefore.getTime(), notAfter.getTime()];
        expect(start % 1000).toBe(0);
        expect(NOW.getTime() - start).toBeLessThan(Math.min(HOUR, life / 10) + 1000);
        expect(start).toBeLessThanOrEqual(NOW.getTime());
        if (latest === undefined || end < latest) expect(lifetimeOf(start, end)).toBe(life);
        if (latest !== undefined) expect(end).toBeLessThanOrEqual(latest);
      }),
    );
  });

  test('both ends belong to it, the last one with its whole second', () => {
    const validity = { notBefore: 1000, notAfter: 5000 };
    expect([999, 1000, 5000, 5999, 6000].map((at) => isWithin(validity, at))).toEqual([false, true, true, true, false]);
  });
});

test('a key identifier is the first 20 octets of SHA-256 over the key alone (RFC 7093 §2)', () => {
  const spki = new Uint8Array(makeKey().publicKey.export({ type: 'spki', format: 'der' }));
  const sha256 = (data: Uint8Array) => new Uint8Array(createHash('sha256').update(data).digest());
  const point = spki.subarray(spki.length - 65);
  expect(keyIdentifier(spki, sha256)).toEqual(sha256(point).subarray(0, 20));
});

test('reason codes and names', () => {
  for (const [name, code] of Object.entries(REASON_CODES)) expect(reasonName(code)).toBe(name);
  for (const code of [7, 8, 11, -1, 255]) expect(reasonName(code)).toBeUndefined();
});
