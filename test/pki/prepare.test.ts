import { describe, expect, test } from '@jest/globals';
import { createVerifySignature } from '../../src/crypto/verify-signature.ts';
import { encodeTbsCertList } from '../../src/pki/crl.ts';
import { equalBytes } from '../../src/pki/der/writer.ts';
import { type Prepared, prepareCertificate, prepareCrl, sign } from '../../src/pki/prepare.ts';
import { signatureAlgorithmFor } from '../../src/pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../../src/pki/x509/certificate.ts';
import { parseCrl } from '../../src/pki/x509/crl.ts';
import { DAY, endEntityFor, NOW, sha256, testIssuing, testKey, testRoot } from './support/authorities.ts';

const issuing = await testIssuing(await testRoot());
const { signer } = issuing.key;
const prepared = () => prepareCertificate(endEntityFor(testKey('ecdsa-p256'), issuing), issuing.certificate, sha256);
const REFUSED = { code: 'ERR_LINT', message: expect.stringContaining('was not prepared') };

describe('prepare → lint → sign', () => {
  test('what is signed is what was linted, octet for octet', async () => {
    const token = prepared();
    const certificate = parseCertificate(await sign(token, signer));
    expect(equalBytes(certificate.tbs, token.preview.tbs)).toBe(true);
    const { publicKey } = issuing.certificate;
    const { signatureAlgorithm, tbs, signature } = certificate;
    expect(createVerifySignature()(publicKey, signatureAlgorithm, tbs, signature)).toBe(true);
    const { preview } = prepared();
    expect(createVerifySignature()(publicKey, preview.signatureAlgorithm, preview.tbs, preview.signature)).toBe(false);
  });

  test('a token is redeemed once, at the same time too', async () => {
    const token = prepared();
    const results = await Promise.allSettled([sign(token, signer), sign(token, signer), sign(token, signer)]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await expect(sign(token, signer)).rejects.toMatchObject(REFUSED);
  });

  test('a signer that fails has used it up', async () => {
    const token = prepared();
    const failing = { keyType: signer.keyType, sign: () => Promise.reject(new Error('token removed')) };
    await expect(sign(token, failing)).rejects.toThrow('token removed');
    await expect(sign(token, signer)).rejects.toMatchObject(REFUSED);
  });

  test.each<[string, (token: Prepared<Certificate>) => Prepared<Certificate>]>([
    ['made by hand', ({ preview }) => ({ kind: 'certificate', preview })],
    ['copied', (token) => ({ ...token })],
    ['cloned', (token) => Object.create(token)],
    ['behind a proxy', (token) => new Proxy(token, {})],
    ['read back from JSON', (token) => JSON.parse(JSON.stringify(token))],
  ])('a token that is %s is refused', async (_, forge) => {
    await expect(sign(forge(prepared()), signer)).rejects.toMatchObject(REFUSED);
  });

  test('a token cannot be given another content', async () => {
    const token = prepared();
    expect(() => Object.assign(token, { preview: issuing.certificate })).toThrow(TypeError);
    expect(Object.isFrozen(token)).toBe(true);
  });

  test('what is written into its preview is not signed', async () => {
    const token = prepared();
    const linted = token.preview.tbs.slice();
    token.preview.tbs.fill(0, 100, 120);
    (token.preview as { tbs: Uint8Array }).tbs = issuing.certificate.tbs;
    expect(equalBytes(parseCertificate(await sign(token, signer)).tbs, linted)).toBe(true);
  });

  test('a CRL likewise', async () => {
    const signatureAlgorithm = signatureAlgorithmFor('ecdsa-p256');
    const tbs = encodeTbsCertList({
      issuer: issuing.certificate,
      signatureAlgorithm,
      thisUpdate: NOW,
      nextUpdate: new Date(NOW.getTime() + DAY),
      number: 1n,
      entries: [],
    });
    const token = prepareCrl(tbs, signatureAlgorithm, issuing.certificate);
    expect(equalBytes(parseCrl(await sign(token, signer)).tbs, tbs)).toBe(true);
    await expect(sign(token, signer)).rejects.toMatchObject({ ...REFUSED, message: expect.stringContaining('CRL') });
  });
});
