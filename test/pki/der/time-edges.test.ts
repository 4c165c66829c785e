import { expect, test } from '@jest/globals';
import { DerError } from '../../../src/pki/der/error.ts';
import { DerReader } from '../../../src/pki/der/reader.ts';
import { TAG } from '../../../src/pki/der/tags.ts';
import { time } from '../../../src/pki/der/time.ts';
import { sequence, tlv } from '../../../src/pki/der/writer.ts';

test.each([
  ['1949-12-31T23:59:59Z', TAG.generalizedTime, '19491231235959Z'],
  ['1950-01-01T00:00:00Z', TAG.utcTime, '500101000000Z'],
  ['1999-12-31T23:59:59Z', TAG.utcTime, '991231235959Z'],
  ['2000-01-01T00:00:00Z', TAG.utcTime, '000101000000Z'],
  ['2049-12-31T23:59:59Z', TAG.utcTime, '491231235959Z'],
  ['2050-01-01T00:00:00Z', TAG.generalizedTime, '20500101000000Z'],
  ['9999-12-31T23:59:59Z', TAG.generalizedTime, '99991231235959Z'],
])('%s is written in the form of its year (RFC 5280 §4.1.2.5)', (instant, tag, text) => {
  const der = time(new Date(instant));
  expect(der[0]).toBe(tag);
  expect(Buffer.from(der.subarray(2)).toString()).toBe(text);
  expect(new DerReader(der).time()).toBe(Date.parse(instant));
});

test('fractions of a second are dropped', () => {
  expect(new DerReader(time(new Date('2026-01-02T03:04:05.999Z'))).time()).toBe(Date.parse('2026-01-02T03:04:05Z'));
});

test.each([TAG.octetString, TAG.integer, TAG.sequence, 0x37])('a value of tag %d is no time', (tag) => {
  const reader = new DerReader(sequence(tlv(tag, new TextEncoder().encode('260102030405Z')))).enter();
  expect(() => reader.time()).toThrow(DerError);
});
