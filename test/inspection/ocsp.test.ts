import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { sha256 } from '../../src/crypto/hash.ts';
import { createVerifySignature } from '../../src/crypto/verify-signature.ts';
import { describeOcsp, type OcspDescription } from '../../src/inspection/ocsp.ts';
import { encodePem } from '../../src/pki/pem.ts';
import { parseCertificate } from '../../src/pki/x509/certificate.ts';
import { extKeyUsage } from '../../src/pki/x509/extensions.ts';
import { type Entity, makeLeaf, makeRoot } from '../support/make-pki.ts';
import { mutate, seeded } from '../support/mutate.ts';
import { scratch } from '../support/scratch.ts';

const directory = await scratch('ocsp');
const hour = 3_600_000;
const VALIDITY = { notBefore: new Date(Date.now() - hour), notAfter: new Date(Date.now() + 24 * hour) };
const issuer = makeRoot('CN=Issuer', VALIDITY);
const leaf = makeLeaf('CN=leaf', issuer, [], { ...VALIDITY, serial: 0x1234 });
const responder = makeLeaf('CN=Responder', issuer, [], {
  ...VALIDITY,
  extensions: [extKeyUsage(['1.3.6.1.5.5.7.3.9'])],
});
const impostor = makeLeaf('CN=Impostor', issuer, [], VALIDITY);
const stranger = makeRoot('CN=Issuer', VALIDITY);

const path = (name: string): string => join(directory, name);
function write(name: string, { der, key }: Entity): void {
  writeFileSync(path(`${name}.pem`), encodePem('CERTIFICATE', der));
  writeFileSync(path(`${name}.key`), key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
}
for (const [name, entity] of Object.entries({ issuer, leaf, responder, impostor })) write(name, entity);

/** A response of openssl's, from an index with this line for the certificate. */
function response(line: string, signer = 'issuer', serial = '0x1234'): Buffer {
  writeFileSync(path('index'), line);
  const words = ['ocsp', '-index', 'index', '-CA', 'issuer.pem', '-issuer', 'issuer.pem', '-serial', serial];
  const own = ['-rsigner', `${signer}.pem`, '-rkey', `${signer}.key`, '-ndays', '2', '-respout', 'response'];
  execFileSync('openssl', [...words, ...own], { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
  return readFileSync(path('response'));
}

const GOOD = 'V\t491231000000Z\t\t1234\tunknown\t/CN=leaf\n';
const REVOKED = 'R\t491231000000Z\t260101000000Z,keyCompromise\t1234\tunknown\t/CN=leaf\n';

function describeIt(der: Uint8Array, by: Entity | undefined = issuer, now = new Date()): OcspDescription {
  const context = { now, sha256: (data: Uint8Array) => sha256(data), verifySignature: createVerifySignature() };
  return describeOcsp(der, parseCertificate(leaf.der), by && parseCertificate(by.der), context);
}
const codes = ({ problems }: OcspDescription): string[] => problems.map(({ code }) => code);

describe('a staple', () => {
  test('good, signed by the issuer, or by a responder that it named', () => {
    for (const signer of ['issuer', 'responder'])
      expect(describeIt(response(GOOD, signer))).toMatchObject({
        responseStatus: 'successful',
        certificateStatus: 'good',
        signature: 'valid',
        problems: [],
      });
  });

  test('revoked, with when and why', () => {
    const seen = describeIt(response(REVOKED));
    expect(seen).toMatchObject({
      certificateStatus: 'revoked',
      revokedAt: '2026-01-01T00:00:00Z',
      revocationReason: 'keyCompromise',
    });
    expect(codes(seen)).toEqual(['ocsp-revoked']);
  });

  test('unknown to the responder; about another certificate', () => {
    expect(codes(describeIt(response('')))).toEqual(['ocsp-unknown']);
    expect(codes(describeIt(response(GOOD, 'issuer', '0x99')))).toEqual(['ocsp-not-covered']);
  });

  test('signed by who may not, or by another CA of the same name', () => {
    expect(codes(describeIt(response(GOOD, 'impostor')))).toEqual(['ocsp-signature']);
    expect(codes(describeIt(response(GOOD), stranger))).toEqual(['ocsp-signature']);
    expect(describeIt(response(GOOD), undefined)).toMatchObject({
      signature: expect.stringMatching(/valid|not-checked/),
    });
  });

  test('expired, or from the future', () => {
    const der = response(GOOD);
    expect(codes(describeIt(der, issuer, new Date(Date.now() + 72 * hour)))).toEqual(['ocsp-expired']);
    expect(codes(describeIt(der, issuer, new Date(Date.now() - hour)))).toEqual(['ocsp-early']);
  });

  test('an error of the responder; no response at all', () => {
    expect(describeIt(Uint8Array.of(0x30, 3, 0x0a, 1, 3))).toMatchObject({ responseStatus: 'tryLater' });
    expect(codes(describeIt(Uint8Array.of(1, 2, 3)))).toEqual(['ocsp-malformed']);
  });

  test('mutated, it is still described', () => {
    const random = seeded(11);
    const der = response(GOOD, 'responder');
    for (let i = 0; i < 3000; i++) {
      const seen = describeIt(mutate(der, random));
      if (seen.signature === 'valid') expect(seen.certificateStatus).toBe('good');
    }
  });
});
