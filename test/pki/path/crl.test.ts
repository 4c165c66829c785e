import { describe, expect, test } from '@jest/globals';
import { boolean, NULL, sequence, tlv, unsignedInteger } from '../../../src/pki/der/writer.ts';
import { OID } from '../../../src/pki/oids.ts';
import type { PathOptions } from '../../../src/pki/path/index.ts';
import type { Extension } from '../../../src/pki/x509/extension.ts';
import { basicConstraints, keyUsage } from '../../../src/pki/x509/extensions.ts';
import { encodeGeneralName, type GeneralName } from '../../../src/pki/x509/general-name.ts';
import {
  type CertificateRecipe,
  type CrlRecipe,
  type Entity,
  extension,
  makeCa,
  makeCrl,
  makeLeaf,
  makeRoot,
  nameDer,
} from '../../support/make-pki.ts';
import { codesOf, verdictOn } from '../../support/verify-made.ts';

const root = makeRoot('CN=Root');
const ca = makeCa('CN=CA', root, { serial: 2 });
const SERIAL = 77;
const leaf = makeLeaf('CN=leaf', ca, undefined, { serial: SERIAL });
const rootCrl = makeCrl({ issuer: 'CN=Root', key: root.key });

const crl = (recipe: Partial<CrlRecipe> = {}): Uint8Array => makeCrl({ issuer: 'CN=CA', key: ca.key, ...recipe });
const REVOKED = { entries: [{ serial: SERIAL }] };

function codes(crls: Uint8Array[], target: Entity = leaf, options: PathOptions = {}, more: Entity[] = []): string[] {
  return codesOf(verdictOn(target, { anchors: [root], untrusted: [ca, ...more], crls }, options));
}

const flag = (tag: number): Uint8Array => tlv(tag, boolean(true).subarray(2));
const idp = (...parts: Uint8Array[]): Extension => extension(OID.issuingDistributionPoint, sequence(...parts), true);
const fullName = (name: GeneralName): Uint8Array => tlv(0xa0, tlv(0xa0, encodeGeneralName(name)));
const uri = (value: string): GeneralName => ({ type: 'uri', value });
const directory = (text: string): GeneralName => ({ type: 'directory', value: nameDer(text) });
const points = (...list: Uint8Array[][]): Extension =>
  extension(OID.cRLDistributionPoints, sequence(...list.map((parts) => sequence(...parts))));
const crlIssuer = (name: string): Uint8Array => tlv(0xa2, encodeGeneralName(directory(name)));
const number = (n: number): Extension => extension(OID.cRLNumber, unsignedInteger(n));
const delta = (base: number): Extension => extension(OID.deltaCRLIndicator, unsignedInteger(base), true);
const reason = (code: number): Extension => extension(OID.cRLReason, tlv(0x0a, Uint8Array.of(code)));
const about = (name: string): Extension =>
  extension(OID.certificateIssuer, sequence(encodeGeneralName(directory(name))), true);
/** ReasonFlags as the content of an implicitly tagged BIT STRING: keyCompromise, or every other reason. */
const KEY_COMPROMISE = Uint8Array.of(6, 0x40);
const OTHER_REASONS = Uint8Array.of(7, 0x3f, 0x80);

describe('complete CRLs (RFC 5280 §6.3.3)', () => {
  test('none given, nothing checked; given, every level needs one', () => {
    expect(codesOf(verdictOn(leaf, { anchors: [root], untrusted: [ca] }))).toEqual([]);
    expect(codes([rootCrl, crl()])).toEqual([]);
    expect(codes([])).toEqual(['revocation-unknown', 'revocation-unknown']);
    expect(codes([crl()])).toEqual(['revocation-unknown']);
    expect(codes([rootCrl])).toEqual(['revocation-unknown']);
  });

  test('a listed certificate is revoked, with date and reason', () => {
    expect(codes([rootCrl, crl(REVOKED)])).toEqual(['revoked']);
    const verdict = verdictOn(leaf, {
      anchors: [root],
      untrusted: [ca],
      crls: [rootCrl, crl({ entries: [{ serial: 5 }, { serial: SERIAL, extensions: [reason(1)] }] })],
    });
    expect(verdict.failures[0]?.message).toBe('revoked since 2026-05-01T00:00:00Z (keyCompromise)');
    const upper = makeCrl({ issuer: 'CN=Root', key: root.key, entries: [{ serial: 2 }] });
    expect(codes([upper, crl()])).toEqual(['revoked']);
  });

  test.each<[string, Partial<CrlRecipe>, string]>([
    ['expired', { nextUpdate: new Date('2026-06-14Z') }, 'crl-expired'],
    ['of the future', { thisUpdate: new Date('2026-06-20Z') }, 'crl-not-yet-valid'],
    ['without nextUpdate', { nextUpdate: null }, 'crl-no-next-update'],
    ['signed by another key', { key: root.key }, 'crl-signature-invalid'],
    [
      'with an unknown critical extension',
      { extensions: [extension('1.2.3', NULL, true)] },
      'crl-extension-unknown-critical',
    ],
    [
      'with an unknown critical extension of another entry',
      { entries: [{ serial: 5, extensions: [extension('1.2.3', NULL, true)] }] },
      'crl-extension-unknown-critical',
    ],
    [
      'with a reason that is none',
      { entries: [{ serial: SERIAL, extensions: [extension(OID.cRLReason, NULL)] }] },
      'crl-malformed',
    ],
    [
      'of version 1 with an extension of an entry',
      { version: 1, entries: [{ serial: 5, extensions: [reason(1)] }] },
      'crl-malformed',
    ],
    [
      'that is not indirect, with an entry of another issuer',
      { entries: [{ serial: 5, extensions: [about('CN=Other')] }, { serial: SERIAL }] },
      'crl-malformed',
    ],
    ['for attributes only', { extensions: [idp(flag(0x85))] }, 'crl-scope'],
    ['for CAs only', { extensions: [idp(flag(0x82))] }, 'crl-scope'],
  ])('a CRL %s does not count', (_, recipe, code) => {
    expect(codes([rootCrl, crl(recipe)])).toEqual([code]);
    expect(codes([rootCrl, crl(recipe), crl()])).toEqual([]);
  });

  test('a CRL of version 1 counts', () => {
    expect(codes([rootCrl, crl({ version: 1 })])).toEqual([]);
    expect(codes([rootCrl, crl({ version: 1, ...REVOKED })])).toEqual(['revoked']);
  });

  test.each<[string, Uint8Array, string[]]>([
    ['negative', tlv(0x02, Uint8Array.of(0x80)), ['crl-malformed', 'revocation-unknown']],
    ['of 21 octets', unsignedInteger(new Uint8Array(21).fill(1)), ['crl-malformed', 'revocation-unknown']],
    ['of 20 octets', unsignedInteger(new Uint8Array(20).fill(0xff)), []],
  ])('a CRL number %s (RFC 5280 §5.2.3)', (_, value, expected) => {
    expect(codes([rootCrl, crl({ extensions: [extension(OID.cRLNumber, value)] })])).toEqual(expected);
    const changed = crl({ extensions: [number(2), extension(OID.deltaCRLIndicator, value, true)] });
    expect(codes([rootCrl, changed])[0]).toBe(expected[0] ?? 'crl-delta-without-base');
  });

  test('an empty list of entries is for issuers only (RFC 5280 §5.1.2.6)', () => {
    const found = (options: PathOptions): string[] =>
      codes([rootCrl, crl({ emptyList: true, extensions: [number(1)] })], leaf, options);
    expect(found({})).toEqual([]);
    expect(found({ strict: true })).toContain('strict-crl-entries');
  });

  test('a CRL that cannot be read is named, and the others count', () => {
    const broken = Uint8Array.of(0x30, 0);
    expect(codes([rootCrl, broken, crl()])).toEqual([]);
    const verdict = verdictOn(leaf, { anchors: [root], untrusted: [ca], crls: [rootCrl, broken] });
    expect(codesOf(verdict)).toEqual(['crl-malformed', 'revocation-unknown']);
    expect(verdict.candidates.map(({ role, failures }) => [role, failures[0]?.code])).toEqual([
      ['crl', 'crl-malformed'],
    ]);
  });

  test('current through both ends', () => {
    const exact = crl({ thisUpdate: new Date('2026-06-15T12:00:00Z'), nextUpdate: new Date('2026-06-15T12:00:00Z') });
    expect(codes([rootCrl, exact])).toEqual([]);
  });

  test('the signer needs cRLSign where it has a key usage', () => {
    const plain = makeCa('CN=CA', root, { extensions: [basicConstraints(true), keyUsage('keyCertSign')] });
    const target = makeLeaf('CN=leaf', plain);
    const own = makeCrl({ issuer: 'CN=CA', key: plain.key });
    const situation = { anchors: [root], untrusted: [plain], crls: [rootCrl, own] };
    expect(codesOf(verdictOn(target, situation))).toEqual(['crl-signer-not-allowed']);
  });

  test('strict wants a CRL number that is not critical', () => {
    const strictly = (extensions: Extension[]): string[] =>
      codes([rootCrl, crl({ extensions })], leaf, { strict: true }).filter((code) => code.startsWith('strict-crl'));
    expect(strictly([])).toEqual(['strict-crl-number', 'strict-crl-number']);
    expect(strictly([number(1)])).toEqual(['strict-crl-number']);
  });
});

describe('signers of their own', () => {
  const signerOf = (issuer: Entity, recipe: Partial<CertificateRecipe> = {}): Entity =>
    makeLeaf('CN=CA', issuer, [], { extensions: [keyUsage('cRLSign')], ...recipe });

  test('another key of the issuer, with a path to the same anchor', () => {
    const signer = signerOf(root, { serial: 3 });
    const own = makeCrl({ issuer: 'CN=CA', key: signer.key });
    expect(codes([rootCrl, own], leaf, {}, [signer])).toEqual([]);
    expect(codes([rootCrl, own])).toEqual(['crl-signature-invalid']);
    const upper = makeCrl({ issuer: 'CN=Root', key: root.key, entries: [{ serial: 3 }] });
    expect(codes([upper, own], leaf, {}, [signer])).toEqual(['crl-signer-not-found']);
  });

  test('a signer under another anchor does not count', () => {
    const other = makeRoot('CN=Other');
    const signer = signerOf(other);
    const crls = [
      rootCrl,
      makeCrl({ issuer: 'CN=CA', key: signer.key }),
      makeCrl({ issuer: 'CN=Other', key: other.key }),
    ];
    const verdict = verdictOn(leaf, { anchors: [root, other], untrusted: [ca, signer], crls });
    expect(codesOf(verdict)).toEqual(['crl-signer-not-found']);
  });

  test('a signer whose status only its own CRL tells does not count', () => {
    const self = makeCa('CN=CA', ca, { serial: 9, extensions: [keyUsage('cRLSign')] });
    const own = makeCrl({ issuer: 'CN=CA', key: self.key });
    expect(codes([rootCrl, own], leaf, {}, [self])).toEqual(['crl-signer-not-found']);
    const byTheOther = crl({ entries: [{ serial: 5 }] });
    expect(codes([rootCrl, own, byTheOther], leaf, {}, [self])).toEqual([]);
  });
});

describe('distribution points', () => {
  const withPoints = (...list: Uint8Array[][]): Entity =>
    makeLeaf('CN=leaf', ca, undefined, { serial: SERIAL, extensions: [points(...list)] });

  test('names must meet, a CRL without one covers all', () => {
    const target = withPoints([fullName(uri('http://crl.example/1'))]);
    const named = (url: string): Uint8Array => crl({ extensions: [idp(fullName(uri(url)))] });
    expect(codes([rootCrl, crl()], target)).toEqual([]);
    expect(codes([rootCrl, named('HTTP://CRL.example/1')], target)).toEqual([]);
    expect(codes([rootCrl, named('http://crl.example:80/1')], target)).toEqual([]);
    expect(codes([rootCrl, named('http://crl.example/2')], target)).toEqual(['crl-scope']);
    expect(codes([rootCrl, named('http://crl.example/1')])).toEqual(['crl-scope']);
    const ofIssuer = crl({ extensions: [idp(fullName(directory('CN=ca')))] });
    expect(codes([rootCrl, ofIssuer])).toEqual([]);
    expect(codes([rootCrl, ofIssuer], target)).toEqual(['crl-scope']);
  });

  test('a name relative to the issuer', () => {
    const rdn = nameDer('CN=part').subarray(4);
    const relative = tlv(0xa0, tlv(0xa1, rdn));
    const target = withPoints([relative]);
    expect(codes([rootCrl, crl({ extensions: [idp(relative)] })], target)).toEqual([]);
    const whole = fullName(directory('CN=part,CN=CA'));
    expect(codes([rootCrl, crl({ extensions: [idp(whole)] })], target)).toEqual([]);
    expect(codes([rootCrl, crl({ extensions: [idp(fullName(directory('CN=part')))] })], target)).toEqual(['crl-scope']);
  });

  test('only some reasons: together they must cover all', () => {
    const one = crl({ extensions: [idp(tlv(0x83, KEY_COMPROMISE))] });
    const others = crl({ extensions: [idp(tlv(0x83, OTHER_REASONS))] });
    expect(codes([rootCrl, one])).toEqual(['crl-scope']);
    expect(codes([rootCrl, one, others])).toEqual([]);
    const revoking = crl({ ...REVOKED, extensions: [idp(tlv(0x83, OTHER_REASONS))] });
    expect(codes([rootCrl, one, revoking])).toEqual(['revoked']);
  });

  test('user certificates and CA certificates', () => {
    const users = idp(flag(0x81));
    expect(codes([rootCrl, crl({ extensions: [users] })])).toEqual([]);
    const rootUsers = makeCrl({ issuer: 'CN=Root', key: root.key, extensions: [users] });
    expect(codes([rootUsers, crl()])).toEqual(['crl-scope']);
  });

  test('an indirect CRL speaks for other issuers, entry by entry', () => {
    const signer = makeCa('CN=CRLs', root, { serial: 4, extensions: [keyUsage('cRLSign')] });
    const target = withPoints([crlIssuer('CN=CRLs')]);
    const indirect = idp(flag(0x84));
    const own = (entries: CrlRecipe['entries'], extensions = [indirect]): Uint8Array =>
      makeCrl({ issuer: 'CN=CRLs', key: signer.key, entries: entries ?? [], extensions });
    const verdict = (one: Uint8Array): string[] => codes([rootCrl, one], target, {}, [signer]);
    expect(verdict(own([]))).toEqual([]);
    expect(verdict(own([], []))).toEqual(['crl-scope']);
    expect(verdict(own([{ serial: SERIAL }]))).toEqual([]);
    expect(verdict(own([{ serial: SERIAL, extensions: [about('CN=ca')] }]))).toEqual(['revoked']);
    expect(verdict(own([{ serial: 1, extensions: [about('CN=CA')] }, { serial: SERIAL }]))).toEqual(['revoked']);
    expect(
      verdict(
        own([
          { serial: 1, extensions: [about('CN=CA')] },
          { serial: SERIAL, extensions: [about('CN=x')] },
        ]),
      ),
    ).toEqual([]);
  });
});

describe('the latest CRL speaks, whatever the order in which they are given', () => {
  const HELD = { entries: [{ serial: SERIAL, extensions: [reason(6)] }] };
  const early = { thisUpdate: new Date('2026-06-02Z') };
  const late = { thisUpdate: new Date('2026-06-10Z') };
  const numbered = (n: number, recipe: Partial<CrlRecipe>): Uint8Array => crl({ extensions: [number(n)], ...recipe });
  const some = (recipe: Partial<CrlRecipe>): Uint8Array =>
    crl({ ...recipe, extensions: [idp(tlv(0x83, KEY_COMPROMISE))] });
  const change = (n: number, recipe: Partial<CrlRecipe>): Uint8Array =>
    crl({ ...recipe, extensions: [number(n), delta(5)] });

  test.each<[string, Uint8Array[], string[]]>([
    ['a newer one revokes', [numbered(1, early), numbered(2, { ...late, ...REVOKED })], ['revoked']],
    ['a newer one no longer holds it', [numbered(1, { ...early, ...HELD }), numbered(2, late)], []],
    ['without numbers', [crl(early), crl({ ...late, ...REVOKED })], ['revoked']],
    ['of one second, any that revokes', [numbered(1, {}), numbered(2, REVOKED)], ['revoked']],
    ['of one second, any that revokes', [numbered(1, REVOKED), numbered(2, {})], ['revoked']],
    ['the clock went back', [numbered(2, { ...early, ...REVOKED }), numbered(1, late)], ['revoked']],
    ['a newer one for some reasons revokes', [crl(early), some({ ...late, ...REVOKED })], ['revoked']],
    ['an older one for some reasons is settled', [some({ ...early, ...HELD }), crl(late)], []],
    ['a newer one for some reasons settles only these', [crl({ ...early, ...HELD }), some(late)], ['revoked']],
    [
      'a newer one that cannot be believed',
      [crl({ ...early, ...REVOKED }), crl({ ...late, key: root.key })],
      ['revoked'],
    ],
    ['a newer delta', [numbered(5, {}), change(6, {}), change(7, REVOKED)], ['revoked']],
    ['deltas of one number, any that revokes', [numbered(5, {}), change(6, {}), change(6, REVOKED)], ['revoked']],
    [
      'a newer delta takes it back',
      [numbered(5, REVOKED), change(6, HELD), change(7, { entries: [{ serial: SERIAL, extensions: [reason(8)] }] })],
      [],
    ],
    [
      'a delta later than a CRL of another scope',
      [
        numbered(5, { thisUpdate: new Date('2026-06-01Z') }),
        crl({ ...early, extensions: [idp(flag(0x81))] }),
        change(6, { ...late, ...REVOKED }),
      ],
      ['revoked'],
    ],
  ])('%s', (_, crls, expected) => {
    expect(codes([rootCrl, ...crls])).toEqual(expected);
    expect(codes([rootCrl, ...crls.toReversed()])).toEqual(expected);
  });

  test('by whichever distribution point', () => {
    const target = makeLeaf('CN=leaf', ca, undefined, {
      serial: SERIAL,
      extensions: [points([fullName(uri('http://a.example/1'))], [fullName(uri('http://a.example/2'))])],
    });
    const named = (n: number, recipe: Partial<CrlRecipe>): Uint8Array =>
      crl({ ...recipe, extensions: [idp(fullName(uri(`http://a.example/${n}`)))] });
    expect(codes([rootCrl, named(1, early), named(2, { ...late, ...REVOKED })], target)).toEqual(['revoked']);
    expect(codes([rootCrl, named(2, early), named(1, { ...late, ...REVOKED })], target)).toEqual(['revoked']);
  });
});

test('many distribution points and many CRLs end in the budget', () => {
  const list = Array.from({ length: 50 }, (_, i) => [fullName(uri(`http://c.example/${i}`))]);
  const target = makeLeaf('CN=leaf', ca, undefined, { extensions: [points(...list)] });
  const others = Array.from({ length: 50 }, (_, i) =>
    crl({ extensions: [idp(fullName(uri(`http://d.example/${i}`)))] }),
  );
  expect(codes([rootCrl, ...others], target)).toEqual(['crl-scope']);
  expect(codes([rootCrl, ...others], target, { budget: { steps: 1000 } })).toEqual(['budget-steps']);
  expect(codes([rootCrl, ...others, crl()], target)).toEqual([]);
});

describe('delta CRLs (RFC 5280 §5.2.4)', () => {
  const base = (recipe: Partial<CrlRecipe> = {}): Uint8Array => crl({ extensions: [number(10)], ...recipe });
  const change = (recipe: Partial<CrlRecipe> = {}, from = 10, to = 11): Uint8Array =>
    crl({ extensions: [number(to), delta(from)], ...recipe });

  test('alone they are nothing', () => {
    expect(codes([rootCrl, change()])).toEqual(['crl-delta-without-base']);
  });

  test('add a revocation, or take one back', () => {
    expect(codes([rootCrl, base(), change()])).toEqual([]);
    expect(codes([rootCrl, base(), change(REVOKED)])).toEqual(['revoked']);
    const removed = change({ entries: [{ serial: SERIAL, extensions: [reason(8)] }] });
    expect(codes([rootCrl, base(REVOKED), change()])).toEqual(['revoked']);
    expect(codes([rootCrl, base(REVOKED), removed])).toEqual([]);
  });

  test.each<[string, Uint8Array]>([
    ['of a later base', change(REVOKED, 11, 12)],
    ['older than the base', change(REVOKED, 8, 9)],
    ['of another scope', crl({ ...REVOKED, extensions: [number(11), delta(10), idp(flag(0x81))] })],
    ['past its end', change({ ...REVOKED, nextUpdate: new Date('2026-06-10Z') })],
    ['of another key', change({ ...REVOKED, key: root.key })],
  ])('one %s is left out', (_, one) => {
    expect(codes([rootCrl, base(), one])).toEqual([]);
  });

  test('a current one keeps its base current', () => {
    const old = base({ nextUpdate: new Date('2026-06-10Z') });
    expect(codes([rootCrl, old])).toEqual(['crl-expired']);
    expect(codes([rootCrl, old, change()])).toEqual([]);
  });
});

test('a revoked path is left for one that is not', () => {
  const otherCa = makeCa('CN=CA', root, { serial: 12, key: ca.key });
  const upper = makeCrl({ issuer: 'CN=Root', key: root.key, entries: [{ serial: 2 }] });
  expect(codes([upper, crl()], leaf, {}, [otherCa])).toEqual([]);
});
