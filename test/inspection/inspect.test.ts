import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { InspectionDocument } from '../../src/inspection/document.ts';
import { inspectBytes } from '../../src/inspection/inspect.ts';
import { publicPem } from '../../src/inspection/pem.ts';
import { safeJson } from '../../src/ui/text/safe.ts';
import { contextAt } from './support/context.ts';
import { makeFiles } from './support/files.ts';

const { directory, openssl } = await makeFiles();
const DAY = 86_400_000;
/** Behind the notBefore of what the tests make as they go. */
const now = new Date(Date.now() + 3_600_000);

const read = (...names: string[]): Buffer => Buffer.concat(names.map((name) => readFileSync(join(directory, name))));
const known = (name: string): X509Certificate => new X509Certificate(read(name));
const fingerprint = (name: string): string => known(name).fingerprint256.replaceAll(':', '').toLowerCase();
const codes = ({ problems }: InspectionDocument): string[] => problems.map(({ code }) => code);

function inspect<K extends InspectionDocument['kind']>(
  kind: K,
  bytes: Uint8Array,
  at = now,
): Extract<InspectionDocument, { kind: K }> {
  const document = inspectBytes(bytes, contextAt(at));
  expect(document.kind).toBe(kind);
  return document as Extract<InspectionDocument, { kind: K }>;
}

describe('a certificate', () => {
  test('in PEM', () => {
    const document = inspect('certificate', read('leaf.pem'));
    const ski = known('leaf.pem');
    expect(ski.subject).toBe('CN=n1');
    expect(document).toMatchObject({
      serial: '5b02aabbccddeeff00112233445566778899aabb',
      fingerprint: fingerprint('leaf.pem'),
      subject: 'CN=n1',
      issuer: 'CN=orders Issuing CA G1.1',
      subjectAltNames: ['DNS:n1.orders.internal', 'IP:10.0.0.1', 'URI:spiffe://orders.internal/node/n1/data'],
      keyType: 'ecdsa-p256',
      status: 'valid',
      role: 'end-entity',
      node: 'n1',
      plane: 'data',
      profile: 'peer',
      version: 3,
      selfSigned: false,
      signatureAlgorithm: 'ecdsa-with-SHA256',
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['serverAuth', 'clientAuth'],
      basicConstraints: { cA: false },
      crlDistributionPoints: ['URI:http://crl.orders.internal/x.crl'],
      problems: [],
    });
    expect(document.notAfter).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(document.authorityKeyIdentifier).toBe(inspect('certificate', read('issuing.pem')).subjectKeyIdentifier);
    expect(document.extensions.every(({ value }) => value === undefined)).toBe(true);
    expect(document).not.toHaveProperty('others');
  });

  test('in DER, with text around it, and as a trusted certificate, is the same', async () => {
    await openssl('x509', '-in', 'leaf.pem', '-outform', 'der', '-out', 'leaf.der');
    await openssl('x509', '-in', 'leaf.pem', '-text', '-out', 'leaf.txt');
    await openssl('x509', '-in', 'leaf.pem', '-trustout', '-addtrust', 'serverAuth', '-out', 'trusted.pem');
    const document = inspect('certificate', read('leaf.pem'));
    for (const file of ['leaf.der', 'leaf.txt', 'trusted.pem'])
      expect(inspect('certificate', read(file))).toEqual(document);
  });

  test('of a CA', () => {
    expect(inspect('certificate', read('root.pem'))).toMatchObject({ role: 'root', selfSigned: true, problems: [] });
    expect(inspect('certificate', read('issuing.pem'))).toMatchObject({
      role: 'issuing',
      basicConstraints: { cA: true, pathLenConstraint: 0 },
      keyUsage: ['keyCertSign', 'cRLSign'],
      nameConstraints: { permitted: ['DNS:orders.internal', 'IP:10.0.0.0/8'], excluded: [] },
    });
  });

  test('has a status by the time it is given, notAfter’s second included', () => {
    const end = Date.parse(known('leaf.pem').validTo);
    const start = Date.parse(known('leaf.pem').validFrom);
    const at = (time: number) => inspect('certificate', read('leaf.pem'), new Date(time));
    expect(at(start - 1)).toMatchObject({ status: 'not-yet-valid', problems: [{ code: 'not-yet-valid' }] });
    expect(at(start)).toMatchObject({ status: 'valid' });
    expect(at(end + 999)).toMatchObject({ status: 'valid', problems: [{ code: 'ending' }] });
    expect(at(end + 1000)).toMatchObject({ status: 'expired', problems: [{ code: 'expired', severity: 'critical' }] });
  });

  test('with a short RSA key and SHA-1', async () => {
    const request = ['req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-keyout', 'weak.key', '-subj', '/CN=weak'];
    await openssl(...request, '-out', 'weak.pem');
    await openssl('req', '-new', '-key', 'other.key', '-subj', '/CN=old', '-out', 'old.csr');
    await openssl(
      ...['x509', '-req', '-in', 'old.csr', '-CA', 'weak.pem', '-CAkey', 'weak.key', '-sha1', '-days', '9'],
      ...['-set_serial', '1', '-out', 'old.pem'],
    );
    expect(inspect('certificate', read('weak.pem'))).toMatchObject({ keyType: 'rsa-1024' });
    expect(codes(inspect('certificate', read('weak.pem')))).toEqual(['weak-key']);
    expect(codes(inspect('certificate', read('old.pem')))).toEqual(['weak-signature', 'no-subject-alt-name']);
  });
});

describe('a chain', () => {
  const leaf = fingerprint('leaf.pem');
  const issuing = fingerprint('issuing.pem');
  const root = fingerprint('root.pem');

  test('as a server sends it', () => {
    const document = inspect('chain', read('leaf.pem', 'issuing.pem'));
    expect(document).toMatchObject({ form: 'chain', path: [leaf, issuing], ordered: true, complete: false });
    expect(document).toMatchObject({ missingIssuer: 'CN=orders Root CA G1', superfluous: [] });
    expect(document.problems).toMatchObject([{ code: 'no-root', severity: 'info', fingerprint: issuing }]);
  });

  test('with its root', () => {
    const document = inspect('chain', read('leaf.pem', 'issuing.pem', 'root.pem'));
    expect(document).toMatchObject({ path: [leaf, issuing, root], ordered: true, complete: true });
    expect(codes(document)).toEqual(['root-included']);
    expect(document).not.toHaveProperty('missingIssuer');
  });

  test('out of order', () => {
    const document = inspect('chain', read('root.pem', 'leaf.pem', 'issuing.pem'));
    expect(document).toMatchObject({ path: [leaf, issuing, root], ordered: false });
    expect(document.certificates.map((certificate) => certificate.fingerprint)).toEqual([root, leaf, issuing]);
    expect(document.problems).toContainEqual({
      code: 'order',
      severity: 'critical',
      message: 'the file is out of order: its certificates belong in the order 2, 3, 1',
    });
  });

  test('with a gap', () => {
    const document = inspect('chain', read('leaf.pem', 'root.pem'));
    expect(document).toMatchObject({ path: [leaf], missingIssuer: 'CN=orders Issuing CA G1.1', superfluous: [root] });
    expect(codes(document)).toEqual(['superfluous', 'gap']);
  });

  test('with something superfluous, and something twice', async () => {
    await openssl('req', '-x509', '-key', 'other.key', '-subj', '/CN=other', '-days', '9', '-out', 'other.pem');
    const document = inspect('chain', read('leaf.pem', 'other.pem', 'issuing.pem', 'issuing.pem'));
    expect(document).toMatchObject({ ordered: true, path: [leaf, issuing] });
    expect(document.superfluous).toEqual([fingerprint('other.pem'), issuing]);
    expect(codes(document)).toEqual(expect.arrayContaining(['superfluous', 'duplicate']));
  });

  test('whose issuer has the name but not the key', async () => {
    const subject = ['-subj', '/CN=orders Issuing CA G1.1'];
    await openssl('req', '-x509', '-key', 'other.key', ...subject, '-days', '9', '-out', 'impostor.pem');
    const document = inspect('chain', read('leaf.pem', 'impostor.pem'));
    expect(document.path).toEqual([leaf]);
    expect(document.problems).toContainEqual(
      expect.objectContaining({ code: 'signature', severity: 'critical', fingerprint: leaf }),
    );
  });

  test('that is none: a file of trust anchors', async () => {
    await openssl('req', '-x509', '-key', 'other.key', '-subj', '/CN=other CA', '-days', '9', '-out', 'anchor.pem');
    const document = inspect('chain', read('root.pem', 'anchor.pem'));
    expect(document).toMatchObject({ form: 'bundle', problems: [] });
    expect(document).not.toHaveProperty('path');
  });
});

describe('a request', () => {
  test('that its own key signed', () => {
    expect(inspect('csr', read('leaf.csr'))).toMatchObject({
      subject: 'CN=n1',
      subjectAltNames: [],
      keyType: 'ecdsa-p256',
      signatureValid: true,
      spkiSha256: inspect('certificate', read('leaf.pem')).spkiSha256,
      problems: [],
    });
  });

  test('that was changed after it was signed, and one for a CA', async () => {
    await openssl('req', '-in', 'leaf.csr', '-outform', 'der', '-out', 'csr.der');
    const bytes = read('csr.der');
    bytes[bytes.indexOf('n1')] = 0x6d;
    const document = inspect('csr', bytes);
    expect(document).toMatchObject({ subject: 'CN=m1', signatureValid: false });
    expect(codes(document)).toEqual(['self-signature']);
    const asked = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'subjectAltName=DNS:a.example'];
    await openssl('req', '-new', '-key', 'other.key', '-subj', '/CN=x', ...asked, '-out', 'ca.csr');
    expect(inspect('csr', read('ca.csr'))).toMatchObject({
      subjectAltNames: ['DNS:a.example'],
      problems: [{ code: 'asks-for-ca' }],
    });
  });
});

describe('a CRL', () => {
  const serial = '5b02aabbccddeeff00112233445566778899aabb';

  test('alone', () => {
    const document = inspect('crl', read('crl.pem'));
    expect(document).toMatchObject({
      issuer: 'CN=orders Issuing CA G1.1',
      number: '4660',
      status: 'current',
      version: 2,
      signature: 'not-checked',
      revokedCount: 1,
      reasons: { keyCompromise: 1 },
      revoked: [{ serial, revocationReason: 'keyCompromise' }],
      problems: [],
    });
    expect(Date.parse(document.nextUpdate as string) - Date.parse(document.thisUpdate)).toBe(30 * DAY);
  });

  test('beside its issuer, and beside another', async () => {
    const [crl] = inspect('certificate', read('issuing.pem', 'crl.pem')).others ?? [];
    expect(crl).toMatchObject({ kind: 'crl', signature: 'valid', signedBy: fingerprint('issuing.pem') });
    await openssl('req', '-x509', '-key', 'other.key', '-subj', '/CN=orders Issuing CA G1.1', '-out', 'false.pem');
    const [other] = inspect('certificate', read('false.pem', 'crl.pem')).others ?? [];
    expect(other).toMatchObject({ signature: 'invalid', problems: [{ code: 'signature' }] });
  });

  test('that is out of date', () => {
    const document = inspect('crl', read('crl.pem'), new Date(now.getTime() + 40 * DAY));
    expect(document).toMatchObject({ status: 'expired', problems: [{ code: 'expired', severity: 'critical' }] });
  });

  test('several in one file are each shown', () => {
    expect(inspect('crl', read('crl.pem', 'crl.pem')).others).toMatchObject([{ kind: 'crl', number: '4660' }]);
  });
});

describe('a private key', () => {
  const spkiSha256 = inspect('certificate', read('leaf.pem')).spkiSha256;

  test('in PKCS#8 and SEC1, in PEM and DER', async () => {
    await openssl('ec', '-in', 'leaf.key', '-out', 'sec1.key');
    await openssl('pkcs8', '-topk8', '-nocrypt', '-in', 'leaf.key', '-outform', 'der', '-out', 'p8.der');
    await openssl('ec', '-in', 'leaf.key', '-outform', 'der', '-out', 'sec1.der');
    const common = { keyType: 'ecdsa-p256', encrypted: false, spkiSha256, problems: [] };
    for (const [file, format] of Object.entries({
      'leaf.key': 'pkcs8',
      'sec1.key': 'sec1',
      'p8.der': 'pkcs8',
      'sec1.der': 'sec1',
    }))
      expect(inspect('private-key', read(file))).toEqual({ kind: 'private-key', format, ...common });
  });

  test('of RSA in PKCS#1, and of Ed25519', async () => {
    await openssl('genrsa', '-traditional', '-out', 'rsa.key', '2048');
    await openssl('rsa', '-in', 'rsa.key', '-traditional', '-outform', 'der', '-out', 'rsa.der');
    await openssl('genpkey', '-algorithm', 'ed25519', '-out', 'ed.key');
    for (const file of ['rsa.key', 'rsa.der'])
      expect(inspect('private-key', read(file))).toMatchObject({ format: 'pkcs1', keyType: 'rsa-2048' });
    expect(inspect('private-key', read('ed.key'))).toMatchObject({ format: 'pkcs8', keyType: 'ed25519' });
  });

  test('behind a passphrase, in the new form and the old', async () => {
    await openssl('pkcs8', '-topk8', '-in', 'leaf.key', '-passout', 'pass:secret', '-out', 'enc.key');
    await openssl('pkcs8', '-topk8', '-in', 'leaf.key', '-passout', 'pass:secret', '-scrypt', '-out', 'scrypt.key');
    await openssl('ec', '-in', 'leaf.key', '-aes128', '-passout', 'pass:secret', '-out', 'old.key');
    expect(inspect('private-key', read('enc.key'))).toMatchObject({
      format: 'pkcs8-encrypted',
      encrypted: true,
      encryption: { cipher: 'aes-256-cbc', kdf: 'pbkdf2', cost: '2048' },
      problems: [{ code: 'weak-encryption', severity: 'info' }],
    });
    expect(inspect('private-key', read('scrypt.key'))).toMatchObject({ encryption: { kdf: 'scrypt', cost: '16384' } });
    expect(inspect('private-key', read('old.key'))).toMatchObject({
      format: 'pem-encrypted',
      keyType: 'ecdsa',
      encryption: { cipher: 'aes-128-cbc', kdf: 'md5' },
    });
  });

  test('beside its certificate, and beside another', () => {
    const document = inspect('chain', read('leaf.pem', 'issuing.pem', 'leaf.key'));
    expect(codes(document)).toEqual(['no-root']);
    expect(document.others).toMatchObject([{ kind: 'private-key', belongsTo: [fingerprint('leaf.pem')] }]);
    const other = inspect('certificate', read('leaf.pem', 'other.key'));
    expect(codes(other)).toEqual(['key-mismatch']);
    expect(other.others).toMatchObject([{ belongsTo: [] }]);
  });

  test('beside the curve that openssl ecparam puts before it', async () => {
    await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-out', 'withparams.key');
    expect(inspect('private-key', read('withparams.key'))).toMatchObject({ keyType: 'ecdsa-p256', problems: [] });
  });

  test('that is damaged says so and no more', async () => {
    const bytes = read('p8.der');
    const at = bytes.indexOf(Buffer.from('0420', 'hex'));
    bytes.fill(0xff, at + 2, at + 34);
    const document = inspect('private-key', bytes);
    expect(codes(document)).toEqual(['malformed-key']);
  });

  test('is never printed', () => {
    const text = read('leaf.key').toString().split('\n').slice(1, -2).join('');
    const secret = read('p8.der').subarray(36, 68);
    const json = safeJson(inspectBytes(read('leaf.pem', 'leaf.key'), contextAt(now)));
    expect(json).not.toContain(secret.toString('hex'));
    expect(json).not.toContain(text.slice(48, 80));
    expect(publicPem(read('leaf.key', 'leaf.pem'))).toBe(publicPem(read('leaf.pem')));
    expect(() => publicPem(read('leaf.key'), 'leaf.key')).toThrow('leaf.key holds only private keys');
  });
});

test('PEM out is what openssl wrote, whatever the order and the form in', () => {
  expect(publicPem(read('leaf.pem', 'crl.pem', 'leaf.csr'))).toBe(read('leaf.pem', 'crl.pem', 'leaf.csr').toString());
  expect(publicPem(read('leaf.der'))).toBe(read('leaf.pem').toString());
});
