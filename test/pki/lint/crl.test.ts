import { describe, expect, test } from '@jest/globals';
import { encodeTbsCertList } from '../../../src/pki/crl.ts';
import { contextTag, TAG } from '../../../src/pki/der/tags.ts';
import { generalizedTime, time } from '../../../src/pki/der/time.ts';
import { sequence, tlv, unsignedInteger } from '../../../src/pki/der/writer.ts';
import { CRL_RULES } from '../../../src/pki/lint/crl-rules.ts';
import { lint } from '../../../src/pki/lint/rule.ts';
import { OID } from '../../../src/pki/oids.ts';
import { prepareCrl } from '../../../src/pki/prepare.ts';
import { encodeSigned } from '../../../src/pki/template.ts';
import { signatureAlgorithmFor } from '../../../src/pki/x509/algorithm.ts';
import { parseCrl } from '../../../src/pki/x509/crl.ts';
import { type Extension, encodeExtension } from '../../../src/pki/x509/extension.ts';
import { authorityKeyIdentifier, cRLNumber, parseSubjectKeyIdentifier } from '../../../src/pki/x509/extensions.ts';
import { encodeName, parseDistinguishedName } from '../../../src/pki/x509/name.ts';
import { DAY, NOW, testIssuing, testRoot } from '../support/authorities.ts';

const issuing = await testIssuing(await testRoot());
const issuer = issuing.certificate;
const algorithm = signatureAlgorithmFor('ecdsa-p256');
const keyId = parseSubjectKeyIdentifier(
  issuer.extensions.find(({ oid }) => oid === OID.subjectKeyIdentifier)?.value as Uint8Array,
);

interface Parts {
  version?: Uint8Array[];
  inner?: Uint8Array;
  name?: Uint8Array;
  thisUpdate?: Date;
  nextUpdate?: Date | null;
  entries?: Uint8Array[];
  extensions?: Extension[];
}

/** A to-be-signed CRL of exactly these parts. */
function tbs(parts: Parts = {}): Uint8Array {
  const { entries = [], extensions = [cRLNumber(5n), authorityKeyIdentifier(keyId)] } = parts;
  return sequence(
    ...(parts.version ?? [unsignedInteger(1)]),
    parts.inner ?? algorithm,
    parts.name ?? issuer.subject,
    time(parts.thisUpdate ?? NOW),
    ...(parts.nextUpdate === null ? [] : [time(parts.nextUpdate ?? new Date(NOW.getTime() + DAY))]),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    ...(extensions.length === 0 ? [] : [tlv(contextTag(0, true), sequence(...extensions.map(encodeExtension)))]),
  );
}

const entry = (serial: number, extensions: Extension[] = [], date = NOW): Uint8Array =>
  sequence(
    unsignedInteger(serial),
    time(date),
    ...(extensions.length === 0 ? [] : [sequence(...extensions.map(encodeExtension))]),
  );
const reason = (code: number, critical = false): Extension => ({
  oid: OID.cRLReason,
  critical,
  value: tlv(TAG.enumerated, Uint8Array.of(code)),
});
const number: Extension = cRLNumber(5n);
const named: Extension = authorityKeyIdentifier(keyId);

const rules = (der: Uint8Array, outer = algorithm): string[] =>
  lint(CRL_RULES, parseCrl(encodeSigned(der, outer, new Uint8Array(64))), { issuer }).map(({ rule }) => rule);

const FAILING: [rule: string, what: string, Parts][] = [
  ['crl-version', 'version 1', { version: [], extensions: [] }],
  ['crl-signature-algorithm', 'another inside', { inner: signatureAlgorithmFor('ed25519') }],
  ['crl-issuer-name', 'another', { name: encodeName(parseDistinguishedName('CN=other')) }],
  ['crl-updates', 'no nextUpdate', { nextUpdate: null }],
  ['crl-updates', 'nextUpdate at thisUpdate', { nextUpdate: NOW }],
  [
    'crl-updates',
    'after the issuer’s end',
    { thisUpdate: new Date('2099-01-01Z'), nextUpdate: new Date('2099-02-01Z') },
  ],
  ['crl-number', 'absent', { extensions: [named] }],
  ['crl-number', 'critical', { extensions: [{ ...number, critical: true }, named] }],
  ['crl-number', '21 octets', { extensions: [cRLNumber(2n ** 160n), named] }],
  ['crl-number', 'negative', { extensions: [{ ...number, value: Uint8Array.of(2, 1, 0x80) }, named] }],
  ['crl-authority-key-identifier', 'absent', { extensions: [number] }],
  ['crl-authority-key-identifier', 'another', { extensions: [number, authorityKeyIdentifier(new Uint8Array(20))] }],
  ['crl-entries', 'out of order', { entries: [entry(2), entry(1)] }],
  ['crl-entries', 'one twice', { entries: [entry(1), entry(1)] }],
  ['crl-entries', 'revoked after thisUpdate', { entries: [entry(1, [], new Date(NOW.getTime() + 1000))] }],
  ['crl-entry-extensions', 'unspecified is left out', { entries: [entry(1, [reason(0)])] }],
  ['crl-entry-extensions', 'removeFromCRL', { entries: [entry(1, [reason(8)])] }],
  ['crl-entry-extensions', 'reason 7', { entries: [entry(1, [reason(7)])] }],
  ['crl-entry-extensions', 'reason 11', { entries: [entry(1, [reason(11)])] }],
  ['crl-entry-extensions', 'critical', { entries: [entry(1, [reason(1, true)])] }],
  [
    'crl-entry-extensions',
    'another',
    { entries: [entry(1, [{ oid: OID.certificateIssuer, critical: false, value: sequence() }])] },
  ],
  ['crl-known-extensions', 'a delta', { extensions: [number, named, { ...number, oid: OID.deltaCRLIndicator }] }],
];

describe('each rule', () => {
  test.each(FAILING)('%s: %s', (rule, _, parts) => {
    expect(rules(tbs(parts))).toContain(rule);
    expect(() => prepareCrl(tbs(parts), algorithm, issuer)).toThrow(expect.objectContaining({ code: 'ERR_LINT' }));
  });

  test('crl-signature-algorithm: another outside', () => {
    expect(rules(tbs(), signatureAlgorithmFor('ecdsa-p384'))).toEqual(['crl-signature-algorithm']);
  });

  test('every rule has failed at least once', () => {
    const tried = new Set(FAILING.map(([rule]) => rule));
    expect(CRL_RULES.map(({ name }) => name).filter((name) => !tried.has(name))).toEqual([]);
  });

  test('what passes', () => {
    const date: Extension = { oid: OID.invalidityDate, critical: false, value: generalizedTime(NOW) };
    expect(rules(tbs())).toEqual([]);
    expect(rules(tbs({ entries: [entry(1), entry(2, [reason(1), date]), entry(300, [reason(10)])] }))).toEqual([]);
  });

  test('what is made here passes, with a URL too', () => {
    const template = {
      issuer,
      signatureAlgorithm: algorithm,
      thisUpdate: NOW,
      nextUpdate: new Date(NOW.getTime() + DAY),
      number: 7n,
      entries: [],
    };
    expect(rules(encodeTbsCertList(template))).toEqual([]);
    expect(rules(encodeTbsCertList({ ...template, url: 'http://crl.test.internal/a.crl' }))).toEqual([]);
  });
});
