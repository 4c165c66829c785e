import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { bitString, boolean, NULL, oid, sequence, tlv, unsignedInteger } from '../../../src/pki/der/writer.ts';
import { toAscii } from '../../../src/pki/encoding.ts';
import { OID } from '../../../src/pki/oids.ts';
import type { PathOptions } from '../../../src/pki/path/index.ts';
import type { Extension } from '../../../src/pki/x509/extension.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  extKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from '../../../src/pki/x509/extensions.ts';
import type { GeneralName } from '../../../src/pki/x509/general-name.ts';
import {
  type CertificateRecipe,
  caExtensions,
  extension,
  makeCa,
  makeKey,
  makeLeaf,
  makeRoot,
} from '../../support/make-pki.ts';
import { codesOf, verdictOn } from '../../support/verify-made.ts';

const root = makeRoot('CN=Root');

/** A Validity of these times: UTCTime where the year has two digits. */
function times(...both: [string, string]): Uint8Array {
  return sequence(...both.map((text) => tlv(text.length === 13 ? 0x17 : 0x18, toAscii(text))));
}

/** Whether OpenSSL takes this SubjectPublicKeyInfo. */
function isImported(der: Uint8Array): boolean {
  try {
    createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    return true;
  } catch {
    return false;
  }
}

/** The codes for a leaf under a CA under the root, each with the changes given. */
function codes(
  changes: {
    ca?: Partial<CertificateRecipe>;
    leaf?: Partial<CertificateRecipe>;
    options?: PathOptions;
    now?: Date;
  } = {},
): string[] {
  const ca = makeCa('CN=CA', root, changes.ca ?? {});
  const leaf = makeLeaf('CN=leaf', ca, undefined, changes.leaf ?? {});
  const situation = { anchors: [root], untrusted: [ca], ...(changes.now === undefined ? {} : { now: changes.now }) };
  return codesOf(verdictOn(leaf, situation, changes.options));
}

describe('validity (RFC 5280 §4.1.2.5)', () => {
  const leaf = { notBefore: new Date('2026-03-01Z'), notAfter: new Date('2026-04-01Z') };
  test.each([
    ['2026-02-28T23:59:59.999Z', ['not-yet-valid']],
    ['2026-03-01T00:00:00Z', []],
    ['2026-04-01T00:00:00Z', []],
    ['2026-04-01T00:00:00.999Z', []],
    ['2026-04-01T00:00:01Z', ['expired']],
  ])('at %s', (now, expected) => {
    expect(codes({ leaf, now: new Date(now) })).toEqual(expected);
  });

  test('of an intermediate and of the anchor', () => {
    expect(codes({ ca: { notAfter: new Date('2026-06-01Z') } })).toEqual(['expired']);
    const old = makeRoot('CN=Old', { notAfter: new Date('2026-06-01Z') });
    expect(codesOf(verdictOn(makeLeaf('CN=leaf', old), { anchors: [old] }))).toEqual(['expired']);
  });
});

describe('issuers (RFC 5280 §6.1.4)', () => {
  test.each<[string, Extension[], string[]]>([
    ['without basic constraints', [keyUsage('keyCertSign')], ['not-a-ca']],
    ['with cA FALSE', [basicConstraints(false), keyUsage('keyCertSign')], ['not-a-ca']],
    ['without keyCertSign', [basicConstraints(true), keyUsage('cRLSign')], ['key-usage-cert-sign']],
    ['without key usage', [basicConstraints(true)], []],
  ])('a CA %s', (_, extensions, expected) => {
    expect(codes({ ca: { extensions } })).toEqual(expected);
    const anchor = makeRoot('CN=Anchor', { extensions });
    expect(codesOf(verdictOn(makeLeaf('CN=leaf', anchor), { anchors: [anchor] }))).toEqual(expected);
  });

  test('path length: self-issued certificates do not count, the anchor counts', () => {
    const short = makeRoot('CN=Short', { extensions: caExtensions(0) });
    const below = makeCa('CN=Below', short);
    const link = makeCa('CN=Short', short);
    const leafOf = (issuer: typeof short): ReturnType<typeof makeLeaf> => makeLeaf('CN=leaf', issuer);
    expect(codesOf(verdictOn(leafOf(short), { anchors: [short] }))).toEqual([]);
    expect(codesOf(verdictOn(leafOf(link), { anchors: [short], untrusted: [link] }))).toEqual([]);
    expect(codesOf(verdictOn(leafOf(below), { anchors: [short], untrusted: [below] }))).toEqual([
      'path-length-exceeded',
    ]);
    expect(codesOf(verdictOn(below, { anchors: [short] }))).toEqual([]);
  });
});

describe('extensions (RFC 5280 §4.2)', () => {
  const unknown = (critical: boolean): Extension => extension('1.3.6.1.4.1.99999.1', NULL, critical);
  test('unknown ones refuse only when critical', () => {
    expect(codes({ leaf: { extensions: [unknown(false)] } })).toEqual([]);
    expect(codes({ leaf: { extensions: [unknown(true)] } })).toEqual(['extension-unknown-critical']);
    expect(codes({ ca: { extensions: caExtensions(undefined, unknown(true)) } })).toEqual([
      'extension-unknown-critical',
    ]);
  });

  test.each([
    [
      'authority information access',
      OID.authorityInfoAccess,
      sequence(sequence(oid('1.3.6.1.5.5.7.48.1'), tlv(0x86, toAscii('http://ocsp.test/')))),
      ['strict-authority-info-access'],
    ],
    ['OCSP no-check', OID.ocspNoCheck, NULL, []],
  ])('%s is known, critical or not; that it may not be critical is for issuers', (_, type, value, strict) => {
    for (const critical of [false, true]) {
      const extensions = [extension(type, value, critical)];
      expect([critical, codes({ leaf: { extensions } })]).toEqual([critical, []]);
      expect(codes({ ca: { extensions: caExtensions(undefined, ...extensions) } })).toEqual([]);
      const found = codes({ leaf: { extensions }, options: { strict: true } });
      expect(found.filter((code) => code === 'strict-authority-info-access')).toEqual(critical ? strict : []);
      expect(found).not.toContain('extension-unknown-critical');
      expect(codes({ leaf: { extensions: [extension(type, sequence(), critical)] } })).toEqual(['extension-malformed']);
    }
  });

  test('malformed ones refuse even where nothing depends on them', () => {
    expect(codes({ leaf: { extensions: [extension(OID.extKeyUsage, sequence())] } })).toEqual(['extension-malformed']);
    expect(codes({ leaf: { extensions: [extension(OID.basicConstraints, sequence(NULL))] } })).toEqual([
      'extension-malformed',
    ]);
  });

  test('an encoded cA FALSE is read as what it says', () => {
    expect(codes({ leaf: { extensions: [extension(OID.basicConstraints, sequence(boolean(false)))] } })).toEqual([]);
  });
});

describe('purposes (RFC 5280 §4.2.1.12)', () => {
  const server = { options: { purposes: ['server'] } };
  test('down the chain', () => {
    const clientOnly = extKeyUsage([OID.clientAuth]);
    expect(codes({ leaf: { extensions: [clientOnly] }, ...server })).toEqual(['purpose-not-allowed']);
    expect(codes({ ca: { extensions: caExtensions(undefined, clientOnly) }, ...server })).toEqual([
      'purpose-not-allowed',
    ]);
    expect(codes({ leaf: { extensions: [clientOnly] } })).toEqual([]);
    expect(codes({ leaf: { extensions: [extKeyUsage([OID.anyExtendedKeyUsage])] }, ...server })).toEqual([]);
    expect(codes({ leaf: { extensions: [extKeyUsage([OID.serverAuth])] }, ...server })).toEqual([]);
  });

  test('both at once, and any object identifier', () => {
    const both = { purposes: ['server', 'client'] };
    expect(codes({ leaf: { extensions: [extKeyUsage([OID.serverAuth])] }, options: both })).toEqual([
      'purpose-not-allowed',
    ]);
    expect(codes({ leaf: { extensions: [extKeyUsage(['1.2.3.4'])] }, options: { purposes: ['1.2.3.4'] } })).toEqual([]);
  });

  test('the key usage must fit', () => {
    expect(codes({ leaf: { extensions: [keyUsage('keyCertSign')] }, ...server })).toEqual(['key-usage-not-allowed']);
    expect(codes({ leaf: { extensions: [keyUsage('keyEncipherment')] }, ...server })).toEqual([]);
    expect(codes({ leaf: { extensions: [keyUsage('keyEncipherment')] }, options: { purposes: ['client'] } })).toEqual([
      'key-usage-not-allowed',
    ]);
  });
});

describe('algorithms and keys', () => {
  const rsa = (bits: number): CertificateRecipe['key'] => generateKeyPairSync('rsa', { modulusLength: bits });
  const identifier = (type: string, parameters: Uint8Array = NULL): Uint8Array => sequence(oid(type), parameters);
  const pss = (hash: string, salt: number): Uint8Array => {
    const digest = sequence(oid(hash), NULL);
    return sequence(
      oid(OID.rsassaPss),
      sequence(
        tlv(0xa0, digest),
        tlv(0xa1, sequence(oid('1.2.840.113549.1.1.8'), digest)),
        tlv(0xa2, unsignedInteger(salt)),
      ),
    );
  };
  const SHA256 = '2.16.840.1.101.3.4.2.1';
  const key = rsa(2048);
  const anchor = makeRoot('CN=RSA', {
    key,
    algorithm: { der: identifier(OID.sha256WithRSAEncryption), digest: 'sha256' },
  });
  const verdict = (der: Uint8Array, digest: string, options?: PathOptions, saltLength?: number): string[] => {
    const algorithm = { der, digest, ...(saltLength === undefined ? {} : { saltLength }) };
    return codesOf(verdictOn(makeLeaf('CN=leaf', anchor, undefined, { algorithm }), { anchors: [anchor] }, options));
  };

  test('RSA with SHA-2 is accepted, SHA-1 and MD5 only when named', () => {
    expect(verdict(identifier(OID.sha256WithRSAEncryption), 'sha256')).toEqual([]);
    expect(verdict(identifier(OID.sha512WithRSAEncryption), 'sha512')).toEqual([]);
    const sha1 = identifier('1.2.840.113549.1.1.5');
    expect(verdict(sha1, 'sha1')).toEqual(['signature-algorithm-insecure']);
    expect(verdict(sha1, 'sha1', { allow: new Set(['md5']) })).toEqual(['signature-algorithm-insecure']);
    expect(verdict(sha1, 'sha1', { allow: new Set(['sha1']) })).toEqual([]);
  });

  test('how an anchor is signed does not matter, but for a contradiction', () => {
    const sha1 = { der: identifier('1.2.840.113549.1.1.5'), digest: 'sha1' };
    const old = makeRoot('CN=Old', { key, algorithm: sha1 });
    expect(codesOf(verdictOn(old, { anchors: [old] }))).toEqual([]);
    expect(
      codesOf(
        verdictOn(
          makeLeaf('CN=leaf', old, undefined, {
            algorithm: { der: identifier(OID.sha256WithRSAEncryption), digest: 'sha256' },
          }),
          { anchors: [old] },
        ),
      ),
    ).toEqual([]);
  });

  test('RSASSA-PSS with the hash in both places and the salt it names', () => {
    expect(verdict(pss(SHA256, 32), 'sha256', {}, 32)).toEqual([]);
    expect(verdict(pss(SHA256, 20), 'sha256', {}, 20)).toEqual([]);
    expect(verdict(pss(SHA256, 32), 'sha256', {}, 20)).toEqual(['signature-invalid']);
    expect(verdict(pss('1.3.14.3.2.26', 20), 'sha1', {}, 20)).toEqual(['signature-algorithm-insecure']);
    expect(verdict(pss('1.3.14.3.2.26', 20), 'sha1', { allow: new Set(['sha1']) }, 20)).toEqual([]);
  });

  test('what is not supported, and a signature by another algorithm than it says', () => {
    expect(verdict(identifier('1.2.840.113549.1.1.14'), 'sha224')).toEqual(['signature-algorithm-unsupported']);
    expect(verdict(identifier(OID.sha256WithRSAEncryption), 'sha512')).toEqual(['signature-invalid']);
    expect(verdict(pss(SHA256, 32), 'sha256')).toEqual(['signature-invalid']);
    expect(verdict(sequence(oid(OID.rsassaPss)), 'sha256')).toEqual(['signature-algorithm-unsupported']);
  });

  test('RSA below 2048 bits, as issuer and as target', () => {
    const small = rsa(1024);
    const weak = makeLeaf('CN=leaf', root, undefined, { key: small });
    expect(codesOf(verdictOn(weak, { anchors: [root] }))).toEqual(['key-too-small']);
    expect(codesOf(verdictOn(weak, { anchors: [root] }, { allow: new Set(['small-rsa']) }))).toEqual([]);
  });

  test.each(['P-384', 'P-521'])('ECDSA on %s', (namedCurve) => {
    const ca = makeRoot('CN=EC', { key: generateKeyPairSync('ec', { namedCurve }) });
    expect(codesOf(verdictOn(makeLeaf('CN=leaf', ca), { anchors: [ca] }))).toEqual([]);
  });

  test('Ed25519; a curve that is not supported', () => {
    const algorithm = { der: sequence(oid(OID.ed25519)), digest: null };
    const ca = makeRoot('CN=Ed', { key: generateKeyPairSync('ed25519'), algorithm });
    expect(codesOf(verdictOn(makeLeaf('CN=leaf', ca, undefined, { algorithm }), { anchors: [ca] }))).toEqual([]);
    const koblitz = makeRoot('CN=K', { key: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }) });
    expect(codesOf(verdictOn(makeLeaf('CN=leaf', koblitz), { anchors: [koblitz] }))).toEqual(['key-unsupported']);
  });

  const spki = (type: string, key: Uint8Array, ...parameters: Uint8Array[]): Uint8Array =>
    sequence(sequence(oid(type), ...parameters), bitString(key));
  const rsaKey = (octets: number, exponent: number): Uint8Array =>
    spki(
      OID.rsaEncryption,
      sequence(unsignedInteger(new Uint8Array(octets).fill(0xc1)), unsignedInteger(exponent)),
      NULL,
    );
  const p256 = oid(OID.prime256v1);
  const whole = makeKey().publicKey.export({ type: 'spki', format: 'der' }).subarray(-65);
  test.each<[string, Uint8Array, string]>([
    ['RSA-1024, whatever its exponent', rsaKey(128, 1), 'key-too-small'],
    ['RSA-1024 with an even exponent', rsaKey(128, 65_536), 'key-too-small'],
    ['RSA-2048 with exponent 1', rsaKey(256, 1), 'key-unsupported'],
    ['no RSA key at all', spki(OID.rsaEncryption, new Uint8Array(270), NULL), 'key-unsupported'],
    [
      'a point off the curve',
      spki(OID.ecPublicKey, whole.with(64, (whole[64] as number) ^ 1), p256),
      'key-unsupported',
    ],
    ['a coordinate beyond p', spki(OID.ecPublicKey, new Uint8Array(65).fill(0xff).with(0, 4), p256), 'key-unsupported'],
    ['the point at infinity', spki(OID.ecPublicKey, Uint8Array.of(0), p256), 'key-unsupported'],
    ['explicit parameters', spki(OID.ecPublicKey, whole, sequence(unsignedInteger(1))), 'key-unsupported'],
    ['no parameters', spki(OID.ecPublicKey, whole), 'key-unsupported'],
    ['secp256k1', spki(OID.ecPublicKey, whole, oid('1.3.132.0.10')), 'key-unsupported'],
    ['Ed25519 of 31 octets', spki(OID.ed25519, new Uint8Array(31)), 'key-unsupported'],
    ['Ed448', spki(OID.ed448, new Uint8Array(57)), 'key-unsupported'],
    ['DSA', spki(OID.dsa, sequence()), 'key-unsupported'],
  ])('a key that cannot be used is named in a target and in an issuer: %s', (_, publicKeyDer, code) => {
    const target = makeLeaf('CN=leaf', root, undefined, { publicKeyDer });
    expect(codesOf(verdictOn(target, { anchors: [root] }))).toEqual([code]);
    const ca = makeCa('CN=CA', root, { publicKeyDer });
    expect(codesOf(verdictOn(makeLeaf('CN=leaf', ca), { anchors: [root], untrusted: [ca] }))).toContain(code);
  });

  test('of a target, a key of a type that makes no signatures is not looked into', () => {
    const target = makeLeaf('CN=leaf', root, undefined, { publicKeyDer: spki('1.3.101.110', new Uint8Array(32)) });
    expect(codesOf(verdictOn(target, { anchors: [root] }))).toEqual([]);
  });

  test.each([
    ['P-256', OID.prime256v1],
    ['P-384', OID.secp384r1],
    ['P-521', OID.secp521r1],
  ])('compressed points of %s, with and without a y: what OpenSSL says of them', (namedCurve, curve) => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve });
    const point = publicKey.export({ type: 'spki', format: 'der' });
    const octets = { 'P-256': 32, 'P-384': 48, 'P-521': 66 }[namedCurve] as number;
    const x = point.subarray(point.length - 2 * octets, point.length - octets);
    for (let i = 0; i < 8; i++) {
      const compressed = Buffer.concat([Uint8Array.of(2), x.with(octets - 1, ((x[octets - 1] as number) + i) % 256)]);
      const publicKeyDer = spki(OID.ecPublicKey, compressed, oid(curve));
      const target = makeLeaf('CN=leaf', root, undefined, { publicKeyDer });
      const expected = isImported(publicKeyDer) ? [] : ['key-unsupported'];
      expect([i, codesOf(verdictOn(target, { anchors: [root] }))]).toEqual([i, expected]);
    }
  });

  test('a changed octet anywhere in the signed part or the signature', () => {
    const { der } = makeLeaf('CN=leaf', root);
    for (const at of [der.length - 1, der.length - 100])
      expect(
        codesOf(verdictOn({ ...root, der: der.with(at, (der[at] as number) ^ 1) }, { anchors: [root] })),
      ).not.toEqual([]);
  });
});

describe('the subject name', () => {
  const names = (list: string[]): string[] => codes({ options: { names: list } });
  test('every name asked for must match', () => {
    expect(names(['leaf.example', 'LEAF.example.'])).toEqual([]);
    expect(names(['leaf.example', 'x.example'])).toEqual(['name-mismatch']);
    expect(codes({ leaf: { subject: 'CN=x' }, options: { names: ['CN=leaf', 'leaf'] } })).toEqual([
      'name-mismatch',
      'name-mismatch',
    ]);
  });
});

describe('strict: what RFC 5280 asks of issuers', () => {
  test('names each rule, and is silent without the option', () => {
    const bare = { leaf: { serial: Uint8Array.of(0) } };
    expect(codes(bare)).toEqual([]);
    expect(new Set(codes({ ...bare, options: { strict: true } }))).toEqual(
      new Set(['strict-aki', 'strict-ski', 'strict-serial-number']),
    );
  });

  const PROFILED: Extension[] = [authorityKeyIdentifier(Uint8Array.of(1))];
  const identified = makeRoot('CN=Root', {
    extensions: caExtensions(undefined, subjectKeyIdentifier(Uint8Array.of(1))),
  });
  const strictly = (altNames: GeneralName[] | undefined, recipe: Partial<CertificateRecipe>): string[] => {
    const leaf = makeLeaf('CN=leaf', identified, altNames, { extensions: PROFILED, ...recipe });
    expect(codesOf(verdictOn(leaf, { anchors: [identified] }))).toEqual([]);
    return codesOf(verdictOn(leaf, { anchors: [identified] }, { strict: true }));
  };

  const mapped = sequence(sequence(oid('1.2.3'), oid('1.2.4')));
  test.each<[string, Partial<CertificateRecipe>, string[]]>([
    ['nothing wrong', {}, []],
    [
      'an authority key identifier that is not the issuer’s',
      { extensions: [authorityKeyIdentifier(Uint8Array.of(2))] },
      ['strict-aki'],
    ],
    [
      'a GeneralizedTime before 2050',
      { validityDer: times('20260101000000Z', '20300101000000Z') },
      ['strict-validity'],
    ],
    ['a GeneralizedTime after it', { validityDer: times('260101000000Z', '20500101000000Z') }, []],
    [
      'policy constraints in a target',
      { extensions: [...PROFILED, extension(OID.policyConstraints, sequence(tlv(0x80, Uint8Array.of(5))), true)] },
      ['strict-policies'],
    ],
    [
      'inhibitAnyPolicy in a target',
      { extensions: [...PROFILED, extension(OID.inhibitAnyPolicy, unsignedInteger(5), true)] },
      ['strict-policies'],
    ],
    [
      'policy mappings in a target',
      { extensions: [...PROFILED, extension(OID.policyMappings, mapped, true)] },
      ['strict-policies'],
    ],
  ])('%s', (_, recipe, expected) => {
    expect([...new Set(strictly(undefined, recipe))]).toEqual(expected);
  });

  test('an empty subject needs subject alternative names', () => {
    expect(strictly([], { subjectDer: sequence() })).toEqual(['strict-subject']);
  });

  test.each(['http://evil.example\\@a.example/', 'http://a.example/a b', 'http://a.example/%4'])(
    'the URI %s, which is none by RFC 3986',
    (value) => {
      const leaf = makeLeaf('CN=leaf', root, [{ type: 'uri', value }]);
      const found = codesOf(verdictOn(leaf, { anchors: [root] }, { strict: true }));
      expect(found).toContain('strict-subject-alt-name');
    },
  );
});
