import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { certificateFields } from '../../src/inspection/certificate-object.ts';
import { serialText } from '../../src/inspection/serial-text.ts';
import { rfc3339 } from '../../src/inspection/time.ts';
import { fromHex } from '../../src/pki/encoding.ts';
import { decodePem } from '../../src/pki/pem.ts';
import { parseCertificate } from '../../src/pki/x509/certificate.ts';
import { scratch } from '../support/scratch.ts';

const directory = await scratch('certificate-object');
const sha256 = (data: Uint8Array): Uint8Array => createHash('sha256').update(data).digest();

test('says of a certificate what cli.md promises', () => {
  const file = join(directory, 'cert.pem');
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '90'],
    ...['-keyout', join(directory, 'key.pem'), '-out', file, '-set_serial', '0xc0ffee', '-subj', '/O=Acme, Inc/CN=n1'],
    ...['-addext', 'subjectAltName=DNS:n1.orders.internal,IP:10.0.0.1,URI:spiffe://orders.internal/node/n1/data'],
  ]);
  const pem = readFileSync(file, 'utf8');
  const certificate = parseCertificate(decodePem(pem)[0]?.bytes as Uint8Array);
  const known = new X509Certificate(pem);
  expect(certificateFields(certificate, sha256)).toEqual({
    serial: 'c0ffee',
    fingerprint: known.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: 'CN=n1,O=Acme\\, Inc',
    subjectAltNames: ['DNS:n1.orders.internal', 'IP:10.0.0.1', 'URI:spiffe://orders.internal/node/n1/data'],
    issuer: 'CN=n1,O=Acme\\, Inc',
    keyType: 'ecdsa-p256',
    notBefore: rfc3339(Date.parse(known.validFrom)),
    notAfter: rfc3339(Date.parse(known.validTo)),
  });
});

test.each([
  ['00', '00'],
  ['01', '01'],
  ['00c0ffee', 'c0ffee'],
  ['4001', '4001'],
  ['80', '-80'],
  ['ff', '-01'],
  ['ff01', '-ff'],
])('a serial of the octets %s is %s', (octets, text) => {
  expect(serialText(fromHex(octets))).toBe(text);
});

test('times have whole seconds and a Z', () => {
  expect(rfc3339(Date.UTC(2026, 10, 25, 15, 0, 0, 999))).toBe('2026-11-25T15:00:00Z');
});
