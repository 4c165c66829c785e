import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { encodeTbsCertList, nextCrlNumber, type RevokedCertificate } from '../../src/pki/crl.ts';
import { DerError } from '../../src/pki/der/error.ts';
import { readDer } from '../../src/pki/der/reader.ts';
import { unsignedInteger } from '../../src/pki/der/writer.ts';
import { toHex } from '../../src/pki/encoding.ts';
import { LIMITS } from '../../src/pki/limits.ts';
import { OID } from '../../src/pki/oids.ts';
import { encodePem } from '../../src/pki/pem.ts';
import { prepareCrl, sign } from '../../src/pki/prepare.ts';
import { REVOCATION_REASONS } from '../../src/pki/revocation-reason.ts';
import { encodeSigned } from '../../src/pki/template.ts';
import { CA_KEY_TYPES, signatureAlgorithmFor } from '../../src/pki/x509/algorithm.ts';
import { parseCrl } from '../../src/pki/x509/crl.ts';
import { findExtension } from '../../src/pki/x509/extension.ts';
import { run } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { DAY, NOW, type TestCa, testIssuing, testRoot } from './support/authorities.ts';

const directory = await scratch('crl');
const issuing = await testIssuing(await testRoot());

async function makeCrl(entries: RevokedCertificate[], ca: TestCa = issuing, url?: string): Promise<Uint8Array> {
  const signatureAlgorithm = signatureAlgorithmFor(ca.key.keyType);
  const tbs = encodeTbsCertList({
    issuer: ca.certificate,
    signatureAlgorithm,
    thisUpdate: NOW,
    nextUpdate: new Date(NOW.getTime() + 30 * DAY),
    number: 1_750_000_000_000n,
    entries,
    ...(url === undefined ? {} : { url }),
  });
  return sign(prepareCrl(tbs, signatureAlgorithm, ca.certificate), ca.key.signer);
}

const entry = (serial: number[], changes: Partial<RevokedCertificate> = {}): RevokedCertificate => ({
  serialNumber: Uint8Array.from(serial),
  revocationDate: NOW,
  reason: 'unspecified',
  ...changes,
});

/** What openssl makes of a CRL. */
async function shown(der: Uint8Array, name: string): Promise<string> {
  const file = join(directory, name);
  writeFileSync(file, encodePem('X509 CRL', der));
  const result = await run('openssl', ['crl', '-in', file, '-noout', '-text']);
  expect([result.code, result.stderr]).toEqual([0, '']);
  return result.stdout;
}

describe('a CRL', () => {
  test('lists serials in order of their value, whatever the order given', async () => {
    const serials = [[0x40, 1, 1], [5], [0x80], [0xff, 0], [4], [0x40, 0, 2]];
    const crl = parseCrl(await makeCrl(serials.map((serial) => entry(serial))));
    expect([...crl.entries()].map(({ serialNumber }) => toHex(serialNumber))).toEqual([
      '04',
      '05',
      '0080',
      '00ff00',
      '400002',
      '400101',
    ]);
  });

  test('of nothing has no list at all', async () => {
    const der = await makeCrl([]);
    expect([...parseCrl(der).entries()]).toEqual([]);
    expect(await shown(der, 'empty')).toContain('No Revoked Certificates.');
  });

  test('says reasons by their codes, and leaves unspecified out', async () => {
    const der = await makeCrl(REVOCATION_REASONS.map((reason, i) => entry([i + 1], { reason })));
    const text = await shown(der, 'reasons');
    const found = [...text.matchAll(/X509v3 CRL Reason Code: \n\s+(.*)\n/g)].map(([, reason]) => reason);
    expect(found).toEqual([
      'Key Compromise',
      'CA Compromise',
      'Affiliation Changed',
      'Superseded',
      'Cessation Of Operation',
      'Certificate Hold',
      'Privilege Withdrawn',
      'AA Compromise',
    ]);
    expect(parseCrl(der).entries().next().value?.extensions).toEqual([]);
  });

  test('says an invalidity date as GeneralizedTime, its number, and its issuer’s key', async () => {
    const text = await shown(await makeCrl([entry([1], { invalidityDate: new Date('2026-01-02T03:04:05Z') })]), 'date');
    expect(text).toMatch(/Invalidity Date: \n\s+Jan {2}2 03:04:05 2026 GMT/);
    expect(text).toMatch(/X509v3 CRL Number: \n\s+1750000000000/);
    expect(text).toContain('X509v3 Authority Key Identifier');
    expect(text).toContain('Version 2');
  });

  test('with a URL says the same in an issuing distribution point', async () => {
    const text = await shown(await makeCrl([], issuing, 'http://crl.test.internal/i.crl'), 'idp');
    expect(text).toMatch(/Issuing Distribution Point: critical[\s\S]*URI:http:\/\/crl\.test\.internal\/i\.crl/);
  });

  test.each(CA_KEY_TYPES)('by a CA key of type %s verifies with openssl', async (keyType) => {
    const root = await testRoot(keyType);
    const file = join(directory, `${keyType}.crl`);
    const ca = join(directory, `${keyType}.pem`);
    writeFileSync(ca, encodePem('CERTIFICATE', root.certificate.der));
    writeFileSync(file, encodePem('X509 CRL', await makeCrl([entry([1])], root)));
    const result = await run('openssl', ['crl', '-in', file, '-noout', '-CAfile', ca]);
    expect([result.code, result.stderr.trim()]).toEqual([0, 'verify OK']);
  });

  test('of 100,000 entries is made, parsed, and read by openssl', async () => {
    const before = process.memoryUsage().rss;
    const entries = Array.from({ length: 100_000 }, (_, i) =>
      entry([0x40, ...Array(15).fill(0xaa), (i >> 16) & 0xff, (i >> 8) & 0xff, i & 0xff, 1], {
        reason: 'keyCompromise',
      }),
    );
    const der = await makeCrl(entries.toReversed());
    const crl = parseCrl(der);
    let count = 0;
    for (const { serialNumber } of crl.entries()) if (serialNumber.length === 20) count++;
    expect(count).toBe(100_000);
    expect(der.length).toBeLessThan(LIMITS.crl / 2);
    expect(process.memoryUsage().rss - before).toBeLessThan(600 * 1024 * 1024);
    const file = join(directory, 'large');
    writeFileSync(file, encodePem('X509 CRL', der));
    const result = await run('openssl', ['crl', '-in', file, '-noout', '-crlnumber']);
    expect([result.code, result.stdout.trim()]).toEqual([0, 'crlNumber=0x01977420DC00']);
  });
});

describe('the next number', () => {
  test.each([
    [undefined, 1000, 1000n],
    [5n, 1000, 1000n],
    [1000n, 1000, 1001n],
    [5000n, 1000, 5001n],
    [999n, 1000, 1000n],
  ])('behind %s at %d is %s', (last, now, expected) => {
    expect(nextCrlNumber(last, new Date(now))).toBe(expected);
  });
});

describe('read', () => {
  test('its number is there', async () => {
    const crl = parseCrl(await makeCrl([]));
    const extension = findExtension(crl.extensions, OID.cRLNumber);
    const value = readDer(extension?.value as Uint8Array, (reader) => reader.integer());
    expect(toHex(value)).toBe(toHex(unsignedInteger(1_750_000_000_000n).subarray(2)));
  });

  test('cut off anywhere, with data behind, or too large: a typed error', async () => {
    const der = await makeCrl([entry([1]), entry([2], { reason: 'superseded' })]);
    for (let end = 0; end < der.length; end++) expect(() => parseCrl(der.subarray(0, end))).toThrow(DerError);
    expect(() => parseCrl(Uint8Array.from([...der, 0]))).toThrow(DerError);
    expect(() => parseCrl(new Uint8Array(LIMITS.crl + 1))).toThrow('larger than');
  });

  test('with a broken entry: a typed error when the walk comes to it', async () => {
    const good = parseCrl(await makeCrl([entry([1]), entry([2])]));
    const broken = good.tbs.slice();
    // The first of the entries' serials becomes an empty integer's tag with a wrong length.
    const at = Buffer.from(broken).indexOf(Buffer.from('020101170d', 'hex'));
    broken[at + 1] = 0x7f;
    const crl = parseCrl(encodeSigned(broken, good.signatureAlgorithm.der, good.signature));
    expect(() => [...crl.entries()]).toThrow(DerError);
  });
});
