import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DerError } from '../../src/pki/der/error.ts';
import { TAG } from '../../src/pki/der/tags.ts';
import { time } from '../../src/pki/der/time.ts';
import { concatAll, octetString, oid, sequence, tlv, unsignedInteger } from '../../src/pki/der/writer.ts';
import { LIMITS } from '../../src/pki/limits.ts';
import { encodeSigned } from '../../src/pki/template.ts';
import { signatureAlgorithmFor } from '../../src/pki/x509/algorithm.ts';
import { parseCertificate } from '../../src/pki/x509/certificate.ts';
import { parseCrl } from '../../src/pki/x509/crl.ts';
import { parseCsr } from '../../src/pki/x509/csr.ts';
import { hasSignedOutline, outlineOf } from '../../src/pki/x509/outline.ts';
import { certify, DAY, endEntityFor, NOW, testIssuing, testKey, testRoot } from './support/authorities.ts';

// Sizes at the limits, hostile in every way that costs a careless reader more than linear time. No clock is looked
// at: what were quadratic would not end within the test.

const algorithm = signatureAlgorithmFor('ecdsa-p256');
const name = sequence();
const spki = testKey('ecdsa-p256').spki;
const signature = new Uint8Array(64);
const issuing = await testIssuing(await testRoot());
const real = await certify(endEntityFor(testKey('ecdsa-p256'), issuing), issuing, issuing.key.signer);

const extension = (n: number, octets = 1): Uint8Array =>
  sequence(oid(`1.2.3.${n}`), octetString(new Uint8Array(octets)));

function certificateWith(extensions: Uint8Array[], subject = name): Uint8Array {
  const tbs = sequence(
    tlv(0xa0, unsignedInteger(2)),
    unsignedInteger(1),
    algorithm,
    name,
    sequence(time(NOW), time(new Date(NOW.getTime() + DAY))),
    subject,
    spki,
    ...(extensions.length === 0 ? [] : [tlv(0xa3, sequence(...extensions))]),
  );
  return encodeSigned(tbs, algorithm, signature);
}

function crlWith(entries: Uint8Array): Uint8Array {
  const tbs = sequence(unsignedInteger(1), algorithm, name, time(NOW), tlv(TAG.sequence, entries));
  return encodeSigned(tbs, algorithm, signature);
}

/** As many copies as fit. */
function filled(part: Uint8Array, octets: number): Uint8Array {
  const count = Math.floor(octets / part.length);
  const out = new Uint8Array(count * part.length);
  for (let i = 0; i < count; i++) out.set(part, i * part.length);
  return out;
}

describe('at the limits', () => {
  test('64 extensions are read, 65 are not', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => extension(i));
    expect(parseCertificate(certificateWith(many(64))).extensions).toHaveLength(64);
    expect(() => parseCertificate(certificateWith(many(65)))).toThrow('more than 64 extensions');
    expect(() => parseCertificate(certificateWith([extension(1), extension(1)]))).toThrow('twice');
  });

  test('64 KiB of certificate are read, an octet more is not', () => {
    const padded = (octets: number) => certificateWith([extension(1, octets)]);
    const base = padded(60_000).length - 60_000;
    expect(parseCertificate(padded(LIMITS.certificate - base)).der).toHaveLength(LIMITS.certificate);
    expect(() => parseCertificate(padded(LIMITS.certificate - base + 1))).toThrow('larger than');
  });

  test('a subject of 64 KiB of attributes', () => {
    const attribute = tlv(TAG.set, sequence(oid('2.5.4.3'), tlv(TAG.utf8String)));
    const der = certificateWith([], tlv(TAG.sequence, filled(attribute, 60_000)));
    expect(parseCertificate(der).subject.length).toBeGreaterThan(59_000);
  });

  test('16 MiB of the smallest CRL entries, walked to the end', () => {
    const entry = sequence(unsignedInteger(1), time(NOW));
    const der = crlWith(filled(entry, LIMITS.crl - 1000));
    let count = 0;
    for (const { serialNumber } of parseCrl(der).entries()) count += serialNumber.length;
    expect(count).toBe(Math.floor((LIMITS.crl - 1000) / entry.length));
  });

  test('16 MiB of CRL entries with 64 extensions each', () => {
    const extensions = sequence(concatAll(Array.from({ length: 64 }, (_, i) => extension(i))));
    const entry = sequence(unsignedInteger(1), time(NOW), extensions);
    let count = 0;
    for (const { extensions: found } of parseCrl(crlWith(filled(entry, LIMITS.crl - 1000))).entries())
      count += found.length;
    expect(count).toBe(64 * Math.floor((LIMITS.crl - 1000) / entry.length));
  });

  test.each([
    ['opening sequences', Uint8Array.of(0x30, 0x80)],
    ['sequences that say they are large', Uint8Array.of(0x30, 0x84, 0, 0xff, 0xff, 0xff)],
    ['empty values', Uint8Array.of(0x30, 0x00)],
    ['zeros', Uint8Array.of(0)],
    ['ff', Uint8Array.of(0xff)],
    ['identifiers without an end', Uint8Array.of(0x06, 0x82, 0xff, 0xff, 0x80)],
  ])('16 MiB of %s', (_, part) => {
    const bytes = filled(part, LIMITS.crl);
    for (const inner of [bytes, crlWith(bytes.subarray(0, LIMITS.crl - 1000))]) {
      const outcome = catching(() => [...parseCrl(inner).entries()]);
      if (outcome !== undefined) expect(outcome).toBeInstanceOf(DerError);
      hasSignedOutline(inner);
    }
  });
});

describe('whatever is done to a real one', () => {
  const readers = [parseCertificate, parseCsr, (der: Uint8Array) => [...parseCrl(der).entries()]];

  test('octets changed, removed, doubled: a value or a DerError', () => {
    const change = fc.record({
      at: fc.nat(real.der.length - 1),
      length: fc.nat(8),
      to: fc.uint8Array({ maxLength: 8 }),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        let der: Uint8Array = real.der;
        for (const { at, length, to } of changes)
          der = Uint8Array.from([...der.subarray(0, at), ...to, ...der.subarray(at + length)]);
        for (const read of readers) {
          const error = catching(() => read(der));
          if (error !== undefined) expect(error).toBeInstanceOf(DerError);
        }
        outlineOf(der);
      }),
      { numRuns: 1500 },
    );
  });

  test('cut off anywhere', () => {
    for (let end = 0; end < real.der.length; end++)
      expect(() => parseCertificate(real.der.subarray(0, end))).toThrow(DerError);
  });
});

function catching(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
