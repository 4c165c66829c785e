import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { sha256 } from '../../src/crypto/hash.ts';
import { createVerifySignature } from '../../src/crypto/verify-signature.ts';
import { isClusterCaError } from '../../src/errors.ts';
import { encodePem } from '../../src/pki/pem.ts';
import { authorityKeyIdentifier, subjectKeyIdentifier } from '../../src/pki/x509/extensions.ts';
import type { VerifyDocument } from '../../src/verification/document.ts';
import type { InputFile } from '../../src/verification/read-sources.ts';
import { type VerifyFilesInput, verifyFiles } from '../../src/verification/verify-files.ts';
import { caExtensions, makeCa, makeCrl, makeLeaf, makeRoot, NOW } from '../support/make-pki.ts';
import { scratch } from '../support/scratch.ts';

const root = makeRoot('CN=Root');
const ca = makeCa('CN=CA', root);
const leaf = makeLeaf('CN=leaf', ca);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const pem = (...ders: Uint8Array[]): Uint8Array => text(ders.map((der) => encodePem('CERTIFICATE', der)).join('\n'));
const file = (name: string, bytes: Uint8Array): InputFile => ({ name, bytes });
const trust = [file('trust.pem', pem(root.der))];
const verify = createVerifySignature();
const directory = await scratch('identifiers');

function run(subject: Uint8Array, more: Partial<VerifyFilesInput> = {}): VerifyDocument {
  return verifyFiles({ subject: file('cert.pem', subject), trust, now: NOW, verify, sha256, ...more });
}

/** The exit code of what it throws; undefined when it does not. */
function exitOf(work: () => unknown): number | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_CONFIG')) throw error;
    return error.exitCode;
  }
}

describe('verifyFiles', () => {
  test('validates the first certificate, the others are candidates', () => {
    const document = run(pem(leaf.der, ca.der));
    expect(document).toMatchObject({ valid: true, failures: [], at: NOW.toISOString() });
    expect(document.candidates).toBeUndefined();
    expect(document.path.map(({ subject }) => subject)).toEqual(['CN=leaf', 'CN=CA', 'CN=Root']);
    expect(document.path.every(({ fingerprint }) => /^[0-9a-f]{64}$/.test(fingerprint))).toBe(true);
    expect(run(pem(ca.der, leaf.der)).path.map(({ subject }) => subject)).toEqual(['CN=CA', 'CN=Root']);
  });

  test('reads PEM with text around it, and DER', () => {
    const der = { trust: [file('root.der', root.der)], untrusted: [file('ca.der', ca.der)] };
    expect(run(leaf.der, der).valid).toBe(true);
    const mixed = text(`subject=leaf\n${encodePem('CERTIFICATE', leaf.der)}${encodePem('PRIVATE KEY', text('no'))}`);
    expect(run(mixed, der).valid).toBe(true);
  });

  test('says what it did not check', () => {
    const crls = [makeCrl({ issuer: 'CN=Root', key: root.key }), makeCrl({ issuer: 'CN=CA', key: ca.key })];
    const chain = pem(leaf.der, ca.der);
    expect(run(chain).notes).toHaveLength(3);
    const options = { names: ['leaf.example'], purposes: ['server'] };
    const bundle = text(crls.map((crl) => encodePem('X509 CRL', crl)).join(''));
    expect(run(chain, { options, crls: [file('crl.pem', bundle)] })).toMatchObject({ valid: true, notes: [] });
    expect(run(chain, { crls: [file('crl.der', crls[1] as Uint8Array)] }).failures[0]?.code).toBe('revocation-unknown');
  });

  test('says that OpenSSL refuses a key identifier that is another, as it does', () => {
    const identified = makeRoot('CN=Root', {
      extensions: caExtensions(undefined, subjectKeyIdentifier(Uint8Array.of(1))),
    });
    const of = (id: number): Uint8Array =>
      makeLeaf('CN=leaf', identified, undefined, { extensions: [authorityKeyIdentifier(Uint8Array.of(id))] }).der;
    const refused = (der: Uint8Array): boolean => {
      const document = run(pem(der), { trust: [file('trust.pem', pem(identified.der))] });
      expect(document.valid).toBe(true);
      return document.notes.some((note) => note.startsWith('servers with OpenSSL refuse CN=leaf: '));
    };
    const [trusted, shown] = [join(directory, 'trust.pem'), join(directory, 'leaf.pem')];
    const at = String(NOW.getTime() / 1000);
    writeFileSync(trusted, pem(identified.der));
    for (const id of [1, 2]) {
      const der = of(id);
      writeFileSync(shown, pem(der));
      const openssl = spawnSync('openssl', ['verify', '-attime', at, '-CAfile', trusted, shown]);
      expect([id, refused(der), openssl.status === 0]).toEqual([id, id === 2, id === 1]);
    }
  });

  test('a failure is the document of cli.md', () => {
    const [failure] = run(pem(leaf.der)).failures;
    expect(Object.keys(failure ?? {}).toSorted()).toEqual([
      'code',
      'fingerprint',
      'hint',
      'message',
      'rule',
      'subject',
    ]);
    expect(failure).toMatchObject({ code: 'issuer-not-found', rule: 'RFC 5280 §6.1.3(a)(4)', subject: 'CN=leaf' });
  });

  test('explains every path tried, the one shown first', () => {
    const stray = makeRoot('CN=CA');
    const document = run(pem(leaf.der, ca.der, stray.der), { explain: true, options: { names: ['x.example'] } });
    expect(document.attempts?.[0]?.path).toEqual(document.path);
    expect(document.attempts?.[0]?.anchored).toBe(true);
    const failed = document.attempts?.[0]?.checks.filter(({ passed }) => !passed);
    expect(failed?.map(({ check }) => check)).toEqual(['subject name']);
    expect(document.candidates).toMatchObject([{ subject: 'CN=CA', role: 'untrusted', why: 'another-key' }]);
    expect(failed?.[0]?.codes).toEqual(['name-mismatch']);
    expect(run(pem(leaf.der)).attempts).toBeUndefined();
  });

  test('the document is plain data', () => {
    const document = run(pem(leaf.der), { explain: true });
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });
});

describe('exit 2 is for what is no certificate or CRL by its outline', () => {
  const noOutline: [string, Uint8Array][] = [
    ['empty', new Uint8Array(0)],
    ['white space', text(' \r\n')],
    ['text', text('hello')],
    ['random octets', Uint8Array.of(0x30, 0x82, 1, 2, 3)],
    ['cut off', leaf.der.subarray(0, leaf.der.length - 1)],
    ['with more behind it', Uint8Array.of(...leaf.der, 0)],
    ['a CRL', makeCrl({ issuer: 'CN=Root', key: root.key })],
    ['PEM of a key only', text(encodePem('PRIVATE KEY', text('no')))],
    ['PEM with bad base64', text('-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n')],
    ['PEM without its end', text('-----BEGIN CERTIFICATE-----\nAAAA\n')],
    ['PEM of something else', text(encodePem('CERTIFICATE', text('no')))],
  ];
  test.each(noOutline)('%s', (_, bytes) => {
    expect(exitOf(() => run(bytes))).toBe(2);
    expect(exitOf(() => run(pem(leaf.der), { trust: [file('x', bytes)] }))).toBe(2);
    expect(exitOf(() => run(pem(leaf.der), { untrusted: [file('x', bytes)] }))).toBe(2);
  });

  test('one block of a bundle is none: it is named, and the others count; the first of the file is what is verified', () => {
    const more = Uint8Array.of(...root.der, 0);
    const bundle = text(encodePem('CERTIFICATE', more) + encodePem('CERTIFICATE', root.der));
    const document = run(pem(leaf.der, ca.der), { trust: [file('bundle', bundle)] });
    expect([document.valid, document.notes.join()]).toEqual([true, expect.stringContaining('bundle: ')]);
    const indefinite = Uint8Array.of(0x30, 0x80, ...ca.der.slice(4), 0, 0);
    const candidates = text(encodePem('CERTIFICATE', indefinite) + encodePem('CERTIFICATE', ca.der));
    expect(run(pem(leaf.der), { untrusted: [file('x', candidates)] }).valid).toBe(true);
    expect(exitOf(() => run(text(encodePem('CERTIFICATE', more) + encodePem('CERTIFICATE', leaf.der))))).toBe(2);
  });

  test('what else is in the file is not looked at: a key that is encrypted in the old way', () => {
    const old =
      '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n';
    expect(run(text(old + new TextDecoder().decode(pem(leaf.der, ca.der)))).valid).toBe(true);
  });

  test('a certificate is no CRL; no anchors at all', () => {
    expect(exitOf(() => run(pem(leaf.der), { crls: [file('x', leaf.der)] }))).toBe(2);
    expect(exitOf(() => run(pem(leaf.der), { trust: [] }))).toBe(2);
  });
});

describe('what is wrong inside the outline is a finding', () => {
  /** The version, whose value 2 becomes 9, is the first field of the signed part. */
  const broken = (der: Uint8Array): Uint8Array => {
    const at = der.indexOf(0xa0);
    return der.with(at + 4, 9);
  };
  test.each([
    ['in PEM', (der: Uint8Array) => pem(der)],
    ['in DER', (der: Uint8Array) => der],
  ])('%s', (_, write) => {
    expect(run(write(broken(leaf.der))).failures).toMatchObject([
      { code: 'certificate-malformed', subject: 'CN=leaf' },
    ]);
    const candidates = run(pem(leaf.der), {
      untrusted: [file('ca', write(broken(ca.der)))],
      explain: true,
    });
    expect(candidates.failures.map(({ code }) => code)).toEqual(['certificate-malformed', 'issuer-not-found']);
    expect(candidates.candidates).toMatchObject([{ why: 'unrelated' }, { origin: 'ca', why: 'malformed' }]);
    const anchors = run(pem(leaf.der, ca.der), { trust: [file('root', write(broken(root.der)))] });
    expect(anchors.failures[0]?.code).toBe('certificate-malformed');
  });

  test('a broken anchor beside a good one is dropped and named', () => {
    const document = run(pem(leaf.der, ca.der), { trust: [file('both', pem(broken(root.der), root.der))] });
    expect(document.valid).toBe(true);
    expect(document.notes[0]).toMatch(/^a trust anchor was left out: CN=Root: both: .*RFC 5280/);
  });
});
