import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { octetString, sequence, tlv } from '../../../src/pki/der/writer.ts';
import { CERTIFICATE_RULES } from '../../../src/pki/lint/certificate-rules.ts';
import type { LintFinding } from '../../../src/pki/lint/rule.ts';
import { lint } from '../../../src/pki/lint/rule.ts';
import { OID } from '../../../src/pki/oids.ts';
import { prepareCertificate } from '../../../src/pki/prepare.ts';
import { type CertificateTemplate, encodeSigned, encodeTbsCertificate } from '../../../src/pki/template.ts';
import { signatureAlgorithmFor } from '../../../src/pki/x509/algorithm.ts';
import { parseCertificate } from '../../../src/pki/x509/certificate.ts';
import type { Extension } from '../../../src/pki/x509/extension.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  cRLDistributionPoints,
  extKeyUsage,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../../src/pki/x509/extensions.ts';
import { type GeneralName, ipName } from '../../../src/pki/x509/general-name.ts';
import { commonName, encodeName, parseDistinguishedName } from '../../../src/pki/x509/name.ts';
import {
  auditFor,
  endEntityFor,
  issuingFor,
  NAMES,
  rootFor,
  sha256,
  type TestCa,
  testIssuing,
  testKey,
  testRoot,
} from '../support/authorities.ts';

const root = await testRoot();
const issuing = await testIssuing(root);
const key = testKey('ecdsa-p256');
const peer = endEntityFor(key, issuing);
const audit = auditFor(testKey('ed25519'), root);

/** What lint says, by rule. */
function findings(template: CertificateTemplate, issuer: TestCa | undefined): LintFinding[] {
  const der = encodeSigned(encodeTbsCertificate(template), template.signatureAlgorithm, new Uint8Array(512));
  const preview = parseCertificate(der);
  const context = { profile: template.profile, issuer: issuer?.certificate ?? preview, sha256 };
  return lint(CERTIFICATE_RULES, preview, context);
}

const rules = (template: CertificateTemplate, issuer: TestCa | undefined = issuing): string[] =>
  findings(template, issuer).map(({ rule }) => rule);

const without = (template: CertificateTemplate, oid: string): Extension[] =>
  template.extensions.filter((extension) => extension.oid !== oid);
const replacing = (template: CertificateTemplate, ...added: Extension[]): CertificateTemplate => ({
  ...template,
  extensions: [...template.extensions.filter(({ oid }) => !added.some((other) => other.oid === oid)), ...added],
});
const naming = (...names: GeneralName[]): CertificateTemplate =>
  replacing(peer, subjectAltName([...names, { type: 'uri', value: 'spiffe://test.internal/node/n1/data' }]));
const dns = (value: string): GeneralName => ({ type: 'dns', value });
const uri = (value: string): GeneralName => ({ type: 'uri', value });
const subject = (text: string): Uint8Array => encodeName(parseDistinguishedName(text));

function spkiOf(type: 'rsa', options: { modulusLength: number; publicExponent?: number }): Uint8Array {
  return new Uint8Array(generateKeyPairSync(type, options).publicKey.export({ type: 'spki', format: 'der' }));
}

const rsa1024 = spkiOf('rsa', { modulusLength: 1024 });
const exponent3 = spkiOf('rsa', { modulusLength: 2048, publicExponent: 3 });

describe('what the profiles make passes every rule', () => {
  test.each<[string, CertificateTemplate, TestCa | undefined]>([
    ['root', rootFor(root.key), undefined],
    ['issuing', issuingFor(issuing.key, root), root],
    ['audit', audit, root],
    ['peer', peer, issuing],
    ['server', endEntityFor(key, issuing, 'server'), issuing],
    ['client', endEntityFor(key, issuing, 'client'), issuing],
    ['probe', endEntityFor(key, issuing, 'probe'), issuing],
    ['peer with a CRL URL', endEntityFor(key, issuing, 'peer', undefined, 'http://crl.test.internal/a.crl'), issuing],
  ])('%s', (_, template, issuer) => {
    expect(findings(template, issuer)).toEqual([]);
  });
});

/** One failing certificate for each rule at least: its changes, its issuer when not the issuing CA, and all the rules that say something. */
const FAILING: [rule: string, what: string, CertificateTemplate, string[], (TestCa | 'self')?][] = [
  ['serial-number', '19 octets', { ...peer, serialNumber: peer.serialNumber.subarray(1) }, ['serial-number']],
  ['serial-number', 'a sign octet', { ...peer, serialNumber: flip(peer.serialNumber) }, ['serial-number']],
  ['serial-number', 'all the same', { ...peer, serialNumber: new Uint8Array(20).fill(0x41) }, ['serial-number']],
  [
    'signature-algorithm',
    'of another key type',
    { ...peer, signatureAlgorithm: signatureAlgorithmFor('ed25519') },
    ['signature-algorithm'],
  ],
  ['issuer-name', 'another', { ...peer, issuer: subject('CN=other') }, ['issuer-name']],
  [
    'issuer-name',
    'the same in other octets',
    { ...peer, issuer: subject('CN=#131474657374204973737 56 96e672043412047312e31'.replaceAll(' ', '')) },
    ['issuer-name'],
  ],
  ['issuer-name', 'empty', { ...peer, issuer: sequence() }, ['issuer-name']],
  ['validity', 'ends before it begins', { ...peer, notBefore: peer.notAfter, notAfter: peer.notBefore }, ['validity']],
  [
    'within-issuer',
    'beyond the issuer',
    { ...peer, notAfter: new Date(issuing.certificate.notAfter + 1000) },
    ['within-issuer'],
  ],
  ['subject-name', 'empty', { ...peer, subject: sequence() }, ['subject-name', 'spiffe-id']],
  ['subject-name', 'two names', { ...peer, subject: subject('CN=n1,O=x') }, ['subject-name']],
  [
    'subject-name',
    '65 characters',
    { ...peer, subject: encodeName(commonName('x'.repeat(65))) },
    ['subject-name', 'spiffe-id'],
  ],
  ['subject-name', 'no characters', { ...peer, subject: encodeName(commonName('')) }, ['subject-name', 'spiffe-id']],
  ['subject-name', 'a PrintableString', { ...peer, subject: subject('CN=#13026e31') }, ['subject-name']],
  ['public-key', 'RSA of 1024 bits', withKey(rsa1024), ['public-key']],
  ['public-key', 'a curve that is none of ours', withKey(spkiOfCurve('secp521r1')), ['public-key']],
  ['rsa-exponent', '3', withKey(exponent3), ['rsa-exponent']],
  ['public-key', 'an Ed25519 key of a CA', caWith(testKey('ed25519').spki), ['public-key'], root],
  ['basic-constraints', 'absent', { ...peer, extensions: without(peer, OID.basicConstraints) }, ['basic-constraints']],
  ['basic-constraints', 'cA on an end-entity', replacing(peer, basicConstraints(true)), ['basic-constraints']],
  [
    'basic-constraints',
    'not critical',
    replacing(peer, { ...basicConstraints(false), critical: false }),
    ['basic-constraints'],
  ],
  [
    'basic-constraints',
    'no path length on an issuing CA',
    replacing(issuingFor(issuing.key, root), basicConstraints(true)),
    ['basic-constraints'],
    root,
  ],
  [
    'basic-constraints',
    'malformed',
    replacing(peer, { ...basicConstraints(false), value: octetString(new Uint8Array(1)) }),
    ['basic-constraints'],
  ],
  ['key-usage', 'absent', { ...peer, extensions: without(peer, OID.keyUsage) }, ['key-usage']],
  ['key-usage', 'another', replacing(peer, keyUsage('digitalSignature', 'keyEncipherment')), ['key-usage']],
  ['key-usage', 'keyCertSign', replacing(peer, keyUsage('keyCertSign', 'cRLSign')), ['key-usage']],
  ['key-usage', 'nothing', replacing(peer, keyUsage()), ['key-usage']],
  ['ext-key-usage', 'absent', { ...peer, extensions: without(peer, OID.extKeyUsage) }, ['ext-key-usage']],
  ['ext-key-usage', 'any', replacing(peer, extKeyUsage([OID.anyExtendedKeyUsage])), ['ext-key-usage']],
  [
    'ext-key-usage',
    'on a CA',
    replacing(issuingFor(issuing.key, root), extKeyUsage([OID.serverAuth])),
    ['ext-key-usage'],
    root,
  ],
  ['audit-purpose', 'not critical', replacing(audit, extKeyUsage([OID.auditLogSigning])), ['audit-purpose'], root],
  [
    'audit-purpose',
    'TLS too',
    replacing(audit, extKeyUsage([OID.auditLogSigning, OID.clientAuth], true)),
    ['ext-key-usage', 'audit-purpose'],
    root,
  ],
  [
    'audit-purpose',
    'absent',
    { ...audit, extensions: without(audit, OID.extKeyUsage) },
    ['ext-key-usage', 'audit-purpose'],
    root,
  ],
  [
    'audit-purpose',
    'on a node',
    replacing(peer, extKeyUsage([OID.serverAuth, OID.clientAuth, OID.auditLogSigning])),
    ['ext-key-usage', 'audit-purpose'],
  ],
  ['subject-alt-name', 'absent', { ...peer, extensions: without(peer, OID.subjectAltName) }, ['subject-alt-name']],
  ['subject-alt-name', 'no DNS name on what serves', naming(ipName('10.0.0.1')), ['subject-alt-name']],
  ['subject-alt-name', 'no URI', replacing(peer, subjectAltName([dns('localhost')])), ['subject-alt-name']],
  [
    'subject-alt-name',
    'two URIs',
    naming(dns('localhost'), uri('spiffe://test.internal/node/n1/control')),
    ['subject-alt-name'],
  ],
  [
    'subject-alt-name',
    'an e-mail address',
    naming(dns('localhost'), { type: 'email', value: 'a@b' }),
    ['subject-alt-name'],
  ],
  [
    'subject-alt-name',
    'on a CA',
    replacing(issuingFor(issuing.key, root), subjectAltName([dns('a')])),
    ['subject-alt-name'],
    root,
  ],
  ['duplicate-names', 'a DNS name twice', naming(dns('localhost'), dns('localhost')), ['duplicate-names']],
  ['dns-syntax', 'upper case', naming(dns('N1.test.internal')), ['dns-syntax']],
  ['dns-syntax', 'a wildcard inside', naming(dns('a.*.test.internal')), ['dns-syntax', 'permitted-names']],
  ['dns-syntax', 'an address', naming(dns('localhost'), dns('10.0.0.1')), ['dns-syntax', 'permitted-names']],
  [
    'ip-length',
    '5 octets',
    naming(dns('localhost'), { type: 'ip', value: new Uint8Array(5) }),
    ['ip-length', 'permitted-names'],
  ],
  [
    'spiffe-id',
    'another node',
    replacing(peer, subjectAltName([dns('localhost'), uri('spiffe://test.internal/node/n2/data')])),
    ['spiffe-id'],
  ],
  [
    'spiffe-id',
    'no identity',
    replacing(peer, subjectAltName([dns('localhost'), uri('https://test.internal/n1')])),
    ['spiffe-id'],
  ],
  ['permitted-names', 'another domain', naming(dns('n1.other.example')), ['permitted-names']],
  ['permitted-names', 'a suffix that is no label', naming(dns('n1.nottest.internal')), ['permitted-names']],
  ['permitted-names', 'another address', naming(dns('localhost'), ipName('8.8.8.8')), ['permitted-names']],
  [
    'subject-key-identifier',
    'absent',
    { ...peer, extensions: without(peer, OID.subjectKeyIdentifier) },
    ['subject-key-identifier'],
  ],
  [
    'subject-key-identifier',
    'of another key',
    replacing(peer, subjectKeyIdentifier(new Uint8Array(20))),
    ['subject-key-identifier'],
  ],
  [
    'authority-key-identifier',
    'absent',
    { ...peer, extensions: without(peer, OID.authorityKeyIdentifier) },
    ['authority-key-identifier'],
  ],
  [
    'authority-key-identifier',
    'of another key',
    replacing(peer, authorityKeyIdentifier(new Uint8Array(20))),
    ['authority-key-identifier'],
  ],
  [
    'authority-key-identifier',
    'with issuer and serial',
    replacing(peer, wholeIdentifier()),
    ['authority-key-identifier'],
  ],
  [
    'authority-key-identifier',
    'on a root',
    replacing(rootFor(root.key), authorityKeyIdentifier(new Uint8Array(20))),
    ['authority-key-identifier'],
    'self',
  ],
  [
    'name-constraints',
    'absent on an issuing CA',
    { ...issuingFor(issuing.key, root), extensions: without(issuingFor(issuing.key, root), OID.nameConstraints) },
    ['name-constraints'],
    root,
  ],
  [
    'name-constraints',
    'of DNS names alone',
    constrained({ permitted: [{ base: dns('test.internal') }], excluded: [] }),
    ['name-constraints'],
    root,
  ],
  [
    'name-constraints',
    'of addresses alone',
    constrained({ permitted: [{ base: { type: 'ip', value: new Uint8Array(8) } }], excluded: [] }),
    ['name-constraints'],
    root,
  ],
  [
    'name-constraints',
    'of URIs too',
    constrained({
      permitted: [{ base: dns('a') }, { base: { type: 'ip', value: new Uint8Array(8) } }, { base: uri('a') }],
      excluded: [],
    }),
    ['name-constraints'],
    root,
  ],
  [
    'name-constraints',
    'on an end-entity',
    replacing(peer, nameConstraints({ permitted: [{ base: dns('a') }], excluded: [] })),
    ['name-constraints'],
  ],
  [
    'known-extensions',
    'one that is not',
    replacing(peer, { oid: '1.2.3', critical: false, value: octetString(new Uint8Array(1)) }),
    ['known-extensions'],
  ],
  ['size', 'more than 16 KiB', replacing(peer, cRLDistributionPoints(`http://a/${'x'.repeat(16 * 1024)}`)), ['size']],
];

describe('each rule', () => {
  test.each(FAILING.map((row) => [row[0], row[1], row] as const))('%s: %s', (rule, _, row) => {
    const [, , template, expected, issuer] = row;
    const against = issuer === 'self' ? undefined : (issuer ?? issuing);
    expect(expected).toContain(rule);
    expect(findings(template, against).map((finding) => finding.rule)).toEqual(expected);
    // What lint refuses is never handed out for signing, and the error says all of it.
    expect(() => prepareCertificate(template, against?.certificate, sha256)).toThrow(
      expect.objectContaining({
        code: 'ERR_LINT',
        exitCode: 5,
        details: { findings: expect.arrayContaining([expect.objectContaining({ rule })]) },
      }),
    );
  });

  test('version: a version 1 certificate', () => {
    const tbs = encodeTbsCertificate({ ...peer, extensions: [] });
    // Without the version and the extensions.
    const inner = tbs.subarray(tbs[1] === 0x81 ? 3 : tbs[1] === 0x82 ? 4 : 2);
    const v1 = sequence(inner.subarray(5, inner.length - 4));
    const certificate = parseCertificate(encodeSigned(v1, peer.signatureAlgorithm, new Uint8Array(64)));
    const context = { profile: 'peer' as const, issuer: issuing.certificate, sha256 };
    expect(lint(CERTIFICATE_RULES, certificate, context).map(({ rule }) => rule)).toContain('version');
  });

  test('every rule has failed at least once, and names where it is written', () => {
    const tried = new Set(['version', ...FAILING.map(([rule]) => rule)]);
    expect(CERTIFICATE_RULES.map(({ name }) => name).filter((name) => !tried.has(name))).toEqual([]);
    for (const { name, source } of CERTIFICATE_RULES) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(source).toMatch(/^(RFC \d+|SPIFFE-ID) §/);
    }
    expect(new Set(CERTIFICATE_RULES.map(({ name }) => name)).size).toBe(CERTIFICATE_RULES.length);
  });

  test('validity: a time in the other form than its year’s', () => {
    const utc = encodeTbsCertificate(peer);
    const at = Buffer.from(utc).indexOf(Buffer.from('170d', 'hex'));
    const text = Buffer.from(utc.subarray(at + 2, at + 15)).toString();
    const generalized = tlv(0x18, new TextEncoder().encode(`20${text}`));
    const end = utc.subarray(at + 15, at + 30);
    const validity = sequence(generalized, end);
    const header = utc[1] === 0x82 ? 4 : 3;
    const tbs = sequence(utc.subarray(header, at - 2), validity, utc.subarray(at + 30));
    const certificate = parseCertificate(encodeSigned(tbs, peer.signatureAlgorithm, new Uint8Array(64)));
    const context = { profile: 'peer' as const, issuer: issuing.certificate, sha256 };
    expect(lint(CERTIFICATE_RULES, certificate, context).map(({ rule }) => rule)).toEqual(['validity']);
  });

  test('signature-algorithm: another outside than inside', () => {
    const der = encodeSigned(encodeTbsCertificate(peer), signatureAlgorithmFor('ecdsa-p384'), new Uint8Array(64));
    const context = { profile: 'peer' as const, issuer: issuing.certificate, sha256 };
    expect(lint(CERTIFICATE_RULES, parseCertificate(der), context).map(({ rule }) => rule)).toEqual([
      'signature-algorithm',
    ]);
  });
});

test('names in a wildcard and in either family of addresses pass', () => {
  expect(rules(naming(dns('*.test.internal'), ipName('10.1.2.3'), ipName('::1')))).toEqual([]);
  expect(NAMES.peer.length).toBeGreaterThan(3);
});

function flip(serial: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(serial);
  changed[0] = 0x80;
  return changed;
}

function spkiOfCurve(namedCurve: string): Uint8Array {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve });
  return new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
}

/** With another key, and the key identifier that belongs to it. */
function withKey(publicKey: Uint8Array): CertificateTemplate {
  const made = endEntityFor({ ...key, spki: publicKey }, issuing);
  return { ...made, serialNumber: peer.serialNumber };
}

function caWith(publicKey: Uint8Array): CertificateTemplate {
  return issuingFor({ ...issuing.key, spki: publicKey }, root);
}

function constrained(constraints: Parameters<typeof nameConstraints>[0]): CertificateTemplate {
  return replacing(issuingFor(issuing.key, root), nameConstraints(constraints));
}

function wholeIdentifier(): Extension {
  const own = authorityKeyIdentifier(new Uint8Array(20));
  const names = tlv(0xa1, tlv(0xa4, subject('CN=x')));
  return { ...own, value: sequence(tlv(0x80, new Uint8Array(20)), names, tlv(0x82, Uint8Array.of(1))) };
}
