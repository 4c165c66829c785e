import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes, oid, sequence, tlv, utf8String } from '../../../src/pki/der/writer.ts';
import { OID } from '../../../src/pki/oids.ts';
import { permits, SubtreeError } from '../../../src/pki/path/index.ts';
import { nameConstraints } from '../../../src/pki/x509/extensions.ts';
import { encodeGeneralName, type GeneralName } from '../../../src/pki/x509/general-name.ts';
import { parseCidr, parseIp } from '../../../src/pki/x509/ip.ts';
import { parseDistinguishedName } from '../../../src/pki/x509/name.ts';
import { caExtensions, extension, makeCa, makeLeaf, makeRoot, nameDer } from '../../support/make-pki.ts';
import { codesOf, verdictOn } from '../../support/verify-made.ts';

const dns = (value: string): GeneralName => ({ type: 'dns', value });
const email = (value: string): GeneralName => ({ type: 'email', value });
const uri = (value: string): GeneralName => ({ type: 'uri', value });
const ip = (text: string): GeneralName => ({ type: 'ip', value: parseIp(text) ?? (parseCidr(text) as Uint8Array) });
const directory = (text: string): GeneralName => ({ type: 'directory', value: nameDer(text) });
const smtpUtf8 = (text: string): GeneralName => ({
  type: 'other',
  value: concatBytes(oid('1.3.6.1.5.5.7.8.9'), tlv(0xa0, utf8String(text))),
});

/** What one permitted and one excluded subtree say of a name: [inside permitted, inside excluded]. */
function judge(base: GeneralName, name: GeneralName): [permitted: boolean, excluded: boolean] {
  const names = { altNames: [name] };
  return [
    permits({ permitted: [{ base }], excluded: [] }, names).length === 0,
    permits({ permitted: [], excluded: [{ base }] }, names).length > 0,
  ];
}

describe('one subtree and one name (RFC 5280 §4.2.1.10)', () => {
  test.each<[GeneralName, GeneralName, boolean]>([
    [dns('example.com'), dns('example.com'), true],
    [dns('example.com'), dns('A.B.Example.COM'), true],
    [dns('example.com'), dns('notexample.com'), false],
    [dns('example.com'), dns('com'), false],
    [dns(''), dns('anything.at.all'), true],
    [dns('.example.com'), dns('a.example.com'), true],
    [dns('.example.com'), dns('example.com'), false],
    [dns('example.com'), dns('*.example.com'), true],
    [dns('a.example.com'), dns('*.b.example.com'), false],
    [ip('10.0.0.0/8'), ip('10.1.2.3'), true],
    [ip('10.0.0.0/8'), ip('11.1.2.3'), false],
    [ip('fd00::/8'), ip('fd12::1'), true],
    [ip('fd00::/8'), ip('fe80::1'), false],
    [ip('0.0.0.0/0'), ip('::1'), false],
    [ip('10.1.0.0/17'), ip('10.1.127.255'), true],
    [ip('10.1.0.0/17'), ip('10.1.128.0'), false],
    [email('example.com'), email('a@example.com'), true],
    [email('example.com'), email('a@sub.example.com'), false],
    [email('.example.com'), email('a@sub.example.com'), true],
    [email('.example.com'), email('a@example.com'), false],
    [email('a@example.com'), email('a@EXAMPLE.com'), true],
    [email('a@example.com'), email('A@example.com'), false],
    [email('*@example.com'), email('a@example.com'), false],
    [email('a@example.com'), email('"\\a"@example.com'), true],
    [dns('example.com'), dns(''), false],
    [uri('example.com'), uri('https://u@example.com:8443/x?y'), true],
    [uri('example.com'), uri("https://u%20:a!$&'()*+,;=~@Example.com:/#x"), true],
    [uri('example.com'), uri('spiffe://a.example.com/x'), false],
    [uri('.example.com'), uri('spiffe://a.example.com/x'), true],
    [uri('.example.com'), uri('spiffe://example.com/x'), false],
    [directory('O=Org,C=de'), directory('CN=x,O=ORG ,C=DE'.replace(' ,', ',')), true],
    [directory('O=Org,C=de'), directory('CN=x,O=Other,C=de'), false],
    [directory('O=Org,C=de'), directory('C=de'), false],
    [directory('O=two  spaces'), directory('CN=x,O=Two Spaces'), true],
  ])('%j and %j', (base, name, inside) => {
    expect(judge(base, name)).toEqual([inside, inside]);
  });

  test('a wildcard is permitted when all it stands for is, and excluded when one is', () => {
    expect(judge(dns('bar.example.com'), dns('*.example.com'))).toEqual([false, true]);
    expect(judge(dns('a.bar.example.com'), dns('*.example.com'))).toEqual([false, false]);
  });

  test.each<[GeneralName, GeneralName]>([
    [dns('example.com'), dns('.example.com')],
    [dns('example.com'), dns('a..example.com')],
    [dns('example.com'), dns('f*.example.com')],
    [email('example.com'), email('a@b@example.com')],
    [email('example.com'), email('example.com')],
    [uri('example.com'), uri('urn:uuid:0')],
    [uri('example.com'), uri('https://10.0.0.1/')],
    [uri('example.com'), uri('https://other.com\\@example.com/')],
    [uri('example.com'), uri('https://[::1]@example.com/')],
    [uri('example.com'), uri('https://other.com@@example.com/')],
    [uri('example.com'), uri('https://other.com%@example.com/')],
    [uri('example.com'), uri('https://example.com/a b')],
    [uri('example.com'), uri('https://example.com/[x]')],
    [uri('example.com'), uri('https://example.com:x/')],
    [uri('example.com'), uri('https://%65xample.com/')],
    [ip('10.0.0.0/8'), { type: 'ip', value: parseCidr('10.0.0.0/8') as Uint8Array }],
  ])('beside %j the malformed %j is neither permitted nor clear of the excluded', (base, name) => {
    expect(judge(base, name)).toEqual([false, true]);
  });

  test('a malformed name is refused by constraints of any form, a URI without host is not', () => {
    for (const name of [dns('a b'), email('a'), { type: 'ip', value: Uint8Array.of(1) } as const])
      expect(permits({ permitted: [], excluded: [{ base: uri('x.example') }] }, { altNames: [name] })).toEqual([
        { kind: 'malformed', name: expect.anything() },
      ]);
    expect(judge(dns('x.example'), uri('urn:x'))).toEqual([true, false]);
  });

  test('a constraint of another form says nothing', () => {
    expect(judge(ip('10.0.0.0/8'), dns('x.example'))).toEqual([true, false]);
    expect(judge(dns('example.com'), email('a@other.com'))).toEqual([true, false]);
  });

  test('forms that cannot be compared refuse only the names of that form', () => {
    const registered: GeneralName = { type: 'registeredId', value: Uint8Array.of(0x2a) };
    expect(judge(registered, registered)).toEqual([false, true]);
    expect(judge(registered, dns('x.example'))).toEqual([true, false]);
  });

  test('SmtpUTF8Mailbox names are e-mail addresses too (RFC 9598 §6)', () => {
    expect(judge(email('example.com'), smtpUtf8('grüße@example.com'))).toEqual([true, true]);
    expect(judge(email('example.com'), smtpUtf8('grüße@other.com'))).toEqual([false, false]);
    expect(judge(email('k.example'), smtpUtf8('a@\u212a.example'))).toEqual([false, true]);
  });

  test.each<GeneralName>([
    dns('*.example.com'),
    dns('a b'),
    email('a@b@example.com'),
    email('@example.com'),
    uri('https://example.com'),
    uri('10.0.0.1'),
    { type: 'ip', value: Uint8Array.of(10, 0, 0, 1) },
    { type: 'ip', value: Uint8Array.of(10, 0, 0, 0, 255, 0, 255, 0) },
  ])('%j is no legal subtree', (base) => {
    expect(() => judge(base, dns('x.example'))).toThrow(SubtreeError);
  });
});

describe('the names of a certificate', () => {
  const constraints = { permitted: [{ base: directory('O=Org') }, { base: email('example.com') }], excluded: [] };
  test('the subject counts unless it is empty', () => {
    expect(permits(constraints, { altNames: [], subject: parseDistinguishedName('CN=x,O=Org') })).toEqual([]);
    expect(permits(constraints, { altNames: [], subject: parseDistinguishedName('CN=x') })).toHaveLength(1);
    expect(permits(constraints, { altNames: [], subject: [] })).toEqual([]);
  });

  test('violations name what they are about', () => {
    const found = permits(constraints, { altNames: [email('a@other.com')], subject: [] });
    expect(found).toEqual([{ kind: 'not-permitted', name: 'email:a@other.com' }]);
  });
});

describe('down a path', () => {
  const constrained = (permitted: GeneralName[], excluded: GeneralName[] = []): ReturnType<typeof caExtensions> =>
    caExtensions(
      undefined,
      nameConstraints({ permitted: permitted.map((base) => ({ base })), excluded: excluded.map((base) => ({ base })) }),
    );

  test('constraints of the anchor and of every CA hold together', () => {
    const root = makeRoot('CN=Root', { extensions: constrained([dns('example.com')]) });
    const ca = makeCa('CN=CA', root, { extensions: constrained([dns('a.example.com'), dns('other.com')]) });
    const codes = (name: string): string[] =>
      codesOf(verdictOn(makeLeaf('CN=leaf', ca, [dns(name)]), { anchors: [root], untrusted: [ca] }));
    expect(codes('x.a.example.com')).toEqual([]);
    expect(codes('b.example.com')).toEqual(['name-not-permitted']);
    expect(codes('other.com')).toEqual(['name-not-permitted']);
  });

  test('a self-issued intermediate is spared, a self-issued target is not', () => {
    const root = makeRoot('CN=Root', { extensions: constrained([directory('O=Org')]) });
    const link = makeCa('CN=Root', root, { extensions: caExtensions() });
    const leaf = makeLeaf('CN=leaf,O=Org', link);
    expect(codesOf(verdictOn(leaf, { anchors: [root], untrusted: [link] }))).toEqual([]);
    expect(codesOf(verdictOn(link, { anchors: [root] }))).toEqual(['name-not-permitted']);
  });

  test('an e-mail address in the subject counts only without alternative names', () => {
    const root = makeRoot('CN=Root', { extensions: constrained([email('example.com')]) });
    const subject = 'EMAIL=a@other.com,CN=leaf';
    expect(codesOf(verdictOn(makeLeaf(subject, root, []), { anchors: [root] }))).toEqual(['name-not-permitted']);
    expect(codesOf(verdictOn(makeLeaf(subject, root, [dns('x')]), { anchors: [root] }))).toEqual([]);
  });

  test('malformed constraints refuse the path', () => {
    const root = makeRoot('CN=Root', { extensions: constrained([dns('*.example.com')]) });
    expect(codesOf(verdictOn(makeLeaf('CN=leaf', root), { anchors: [root] }))).toEqual(['name-constraints-malformed']);
  });

  test.each([
    ['an encoded minimum of 0 is read', [0x80, 1, 0], []],
    ['another minimum refuses', [0x80, 1, 1], ['extension-malformed']],
    ['a maximum refuses', [0x81, 1, 0], ['extension-malformed']],
  ])('%s', (_, bounds, expected) => {
    const base = encodeGeneralName(dns('example.com'));
    const value = sequence(tlv(0xa0, sequence(base, Uint8Array.from(bounds))));
    const root = makeRoot('CN=Root', {
      extensions: caExtensions(undefined, extension(OID.nameConstraints, value, true)),
    });
    const leaf = makeLeaf('CN=leaf', root, [dns('example.com')]);
    expect(codesOf(verdictOn(leaf, { anchors: [root] }))).toEqual(expected);
  });

  test('too many comparisons end in the budget', () => {
    const many = Array.from({ length: 60 }, (_, i) => dns(`n${i}.example.com`));
    const root = makeRoot('CN=Root', { extensions: constrained(many) });
    const leaf = makeLeaf('CN=leaf', root, many);
    expect(codesOf(verdictOn(leaf, { anchors: [root] }))).toEqual([]);
    expect(codesOf(verdictOn(leaf, { anchors: [root] }, { budget: { names: 1000 } }))).toEqual(['budget-names']);
  });
});

describe('properties', () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,5}$/);
  const labels = fc.array(label, { minLength: 1, maxLength: 4 });

  test('a DNS name is inside exactly the suffixes of its labels', () => {
    fc.assert(
      fc.property(labels, labels, (name, base) => {
        const suffix = name.slice(-base.length).join('.') === base.join('.') && base.length <= name.length;
        expect(judge(dns(base.join('.')), dns(name.join('.')))).toEqual([suffix, suffix]);
      }),
    );
  });

  test('what is permitted as a wildcard is permitted for each name it stands for', () => {
    fc.assert(
      fc.property(labels, labels, label, (suffix, base, first) => {
        const [held, touched] = judge(dns(base.join('.')), dns(`*.${suffix.join('.')}`));
        const [one, oneExcluded] = judge(dns(base.join('.')), dns([first, ...suffix].join('.')));
        if (held) expect(one).toBe(true);
        if (oneExcluded) expect(touched).toBe(true);
      }),
    );
  });

  test('an address is inside a range exactly when its leading bits are the same', () => {
    const address = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(address, address, fc.integer({ min: 0, max: 32 }), (name, base, bits) => {
        const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
        const word = (octets: Uint8Array): number => new DataView(octets.buffer, octets.byteOffset).getUint32(0);
        const octets = new Uint8Array(8);
        octets.set(base);
        new DataView(octets.buffer).setUint32(4, mask);
        const inside = ((word(name) ^ word(base)) & mask) === 0;
        expect(judge({ type: 'ip', value: octets }, { type: 'ip', value: name })).toEqual([inside, inside]);
      }),
    );
  });
});
