import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  caExtensions,
  type Entity,
  makeCa,
  makeCertificate,
  makeKey,
  makeLeaf,
  makeRoot,
} from '../../support/make-pki.ts';
import { codesOf, verdictOn } from '../../support/verify-made.ts';

const root = makeRoot('CN=Root');
const issuing = makeCa('CN=Issuing', root);
const leaf = makeLeaf('CN=leaf', issuing);

/** A certificate of `subject` for its key, from another issuer. */
function cross(subject: Entity, issuer: Entity, validity: { notAfter?: Date } = {}): Entity {
  const { name, key } = subject;
  const der = makeCertificate({
    subject: name,
    key,
    issuer: issuer.name,
    issuerKey: issuer.key,
    extensions: caExtensions(),
    ...validity,
  });
  return { name, key, der };
}

const template = makeCertificate({ subject: 'CN=node 0000', key: issuing.key, issuer: 'CN=Root', issuerKey: root.key });

/** A certificate of another name for each number; its signature no longer fits, which nobody asks. */
function renamed(i: number): Uint8Array {
  const copy = Buffer.from(template);
  copy.write(String(i).padStart(4, '0'), copy.indexOf('node 0000') + 5, 'latin1');
  return new Uint8Array(copy);
}

describe('building', () => {
  test('finds the path and names it from the target to the anchor', () => {
    const verdict = verdictOn(leaf, { anchors: [root], untrusted: [issuing] });
    expect(codesOf(verdict)).toEqual([]);
    expect(verdict.path.map(({ subjectText }) => subjectText)).toEqual(['CN=leaf', 'CN=Issuing', 'CN=Root']);
    expect(verdict.candidates).toEqual([]);
  });

  test('an anchor need not be self-signed, and may be the certificate itself', () => {
    expect(codesOf(verdictOn(leaf, { anchors: [issuing] }))).toEqual([]);
    const verdict = verdictOn(leaf, { anchors: [leaf] });
    expect(codesOf(verdict)).toEqual([]);
    expect(verdict.path).toHaveLength(1);
    expect(codesOf(verdictOn(leaf, { anchors: [leaf] }, { names: ['other.example'] }))).toEqual(['name-mismatch']);
  });

  test('without the intermediate it says which issuer is missing', () => {
    const verdict = verdictOn(leaf, { anchors: [root] });
    expect(codesOf(verdict)).toEqual(['issuer-not-found']);
    expect(verdict.failures[0]?.message).toContain('CN=Issuing');
    expect(verdict.candidates.map(({ subject, role }) => [subject, role])).toEqual([['CN=Root', 'anchor']]);
  });

  test('tells an untrusted root from a missing issuer', () => {
    const other = makeRoot('CN=Other');
    const verdict = verdictOn(leaf, { anchors: [other], untrusted: [issuing, root] });
    expect(codesOf(verdict)).toEqual(['untrusted-root']);
    expect(verdict.failures[0]?.subject).toBe('CN=Root');
  });

  test('backtracks from an expired intermediate to one of the same name and key', () => {
    const expired = cross(issuing, root, { notAfter: new Date('2026-06-01Z') });
    expect(codesOf(verdictOn(leaf, { anchors: [root], untrusted: [expired, issuing] }))).toEqual([]);
    expect(codesOf(verdictOn(leaf, { anchors: [root], untrusted: [expired] }))).toEqual(['expired']);
  });

  test('backtracks from a path that only its anchor refuses', () => {
    const newRoot = makeRoot('CN=Old', { notAfter: new Date('2026-02-01Z') });
    const detour = cross(issuing, newRoot);
    expect(codesOf(verdictOn(leaf, { anchors: [newRoot, root], untrusted: [detour, issuing] }))).toEqual([]);
    expect(codesOf(verdictOn(leaf, { anchors: [newRoot], untrusted: [detour, issuing] }))).toEqual(['expired']);
  });

  test('a CA of the same name with another key is not taken for the issuer', () => {
    const impostor = makeCa('CN=Issuing', root);
    expect(codesOf(verdictOn(leaf, { anchors: [root], untrusted: [impostor, issuing] }))).toEqual([]);
    expect(codesOf(verdictOn(leaf, { anchors: [root], untrusted: [impostor] }))).toEqual(['signature-invalid']);
  });

  test('survives CAs that certify each other', () => {
    const a = makeRoot('CN=A');
    const b = makeRoot('CN=B');
    const cycle = [cross(a, b), cross(b, a)];
    const target = makeLeaf('CN=leaf', a);
    expect(codesOf(verdictOn(target, { anchors: [root], untrusted: cycle }))).toEqual(['issuer-not-found']);
    expect(codesOf(verdictOn(target, { anchors: [root], untrusted: [...cycle, cross(b, root)] }))).toEqual([]);
  });

  test('finds the one good path among a hundred certificates', () => {
    const layers: Entity[][] = [];
    for (let depth = 0; depth < 5; depth++)
      layers.push(Array.from({ length: 4 }, (_, i) => makeRoot(`CN=layer ${depth} ${i}`)));
    const graph = layers.flatMap((layer, depth) =>
      depth === 0 ? [] : layer.flatMap((issuer) => (layers[depth - 1] as Entity[]).map((ca) => cross(ca, issuer))),
    );
    const top = layers[4]?.[2] as Entity;
    const target = makeLeaf('CN=leaf', layers[0]?.[1] as Entity);
    expect(graph.length + 20).toBeGreaterThan(80);
    expect(codesOf(verdictOn(target, { anchors: [top], untrusted: graph }))).toEqual([]);
    expect(codesOf(verdictOn(target, { anchors: [root], untrusted: graph }))).toHaveLength(1);
  });

  test('a chain of links of one name and many keys ends by budget or by lack of an anchor', () => {
    let issuer = makeRoot('CN=Same');
    const links = [issuer];
    for (let i = 0; i < 60; i++) {
      issuer = makeCa('CN=Same', issuer);
      links.push(issuer);
    }
    const target = makeLeaf('CN=leaf', issuer);
    const [code] = codesOf(verdictOn(target, { anchors: [root], untrusted: links }));
    expect(['budget-signatures', 'untrusted-root', 'issuer-not-found']).toContain(code);
  });

  test.each([
    ['signatures', 'budget-signatures'],
    ['builds', 'budget-builds'],
    ['steps', 'budget-steps'],
  ] as const)('the budget of %s ends in its own failure', (resource, code) => {
    const verdict = verdictOn(leaf, { anchors: [root], untrusted: [issuing] }, { budget: { [resource]: 1 } });
    expect(codesOf(verdict)).toEqual([code]);
    expect(verdict.failures[0]?.rule).toBe('RFC 4158 §5.2');
  });

  test('candidates of one name whose keys cannot fit cost something too', () => {
    const keys = Array.from({ length: 8 }, () => makeRoot('CN=Same'));
    const links = keys.flatMap((ca) => keys.filter((other) => other !== ca).map((issuer) => cross(ca, issuer)));
    const decoys = Array.from({ length: 400 }, () => {
      const key = generateKeyPairSync('ed25519');
      const issuerKey = (keys[0] as Entity).key;
      return {
        name: 'CN=Same',
        key,
        der: makeCertificate({ subject: 'CN=Same', key, issuerKey, extensions: caExtensions() }),
      };
    });
    const target = makeLeaf('CN=leaf', keys[0] as Entity);
    const anchors = [makeRoot('CN=Same')];
    expect(codesOf(verdictOn(target, { anchors, untrusted: [...links, ...decoys] }))).toEqual(['budget-steps']);
    const found = [...anchors, keys[3] as Entity];
    expect(codesOf(verdictOn(target, { anchors: found, untrusted: [...links, ...decoys] }))).toEqual([]);
  });

  test('a bundle of ten thousand names costs no more than the path in it', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => ({ ...issuing, der: renamed(i) }));
    const untrusted = [...many, issuing];
    expect(codesOf(verdictOn(leaf, { anchors: [root], untrusted }, { budget: { steps: 16 } }))).toEqual([]);
  });

  test('self-issued certificates do not count for the depth', () => {
    const newKey = makeKey();
    const rolled: Entity = {
      name: 'CN=Root',
      key: newKey,
      der: makeCertificate({ subject: 'CN=Root', key: newKey, issuerKey: root.key, extensions: caExtensions() }),
    };
    const below = makeCa('CN=Below', rolled);
    const target = makeLeaf('CN=leaf', below);
    const situation = { anchors: [root], untrusted: [rolled, below] };
    expect(codesOf(verdictOn(target, situation, { maxDepth: 1 }))).toEqual([]);
    expect(codesOf(verdictOn(target, situation, { maxDepth: 0 }))).toEqual(['max-depth-exceeded']);
  });

  test('a candidate that cannot be read is dropped and named', () => {
    const broken = { ...issuing, der: issuing.der.with(issuing.der.length - 80, 0xff) };
    const unreadable = { ...issuing, der: Uint8Array.of(0x30, 0x00) };
    const verdict = verdictOn(leaf, { anchors: [root, unreadable], untrusted: [broken, issuing] });
    expect(codesOf(verdict)).toEqual([]);
    expect(verdict.candidates.some(({ failures }) => failures[0]?.code === 'certificate-malformed')).toBe(true);
    const alone = verdictOn(leaf, { anchors: [unreadable], untrusted: [issuing] });
    expect(codesOf(alone)).toContain('certificate-malformed');
  });

  test('what cannot be read is a failure, not an exception', () => {
    const verdict = verdictOn({ ...leaf, der: Uint8Array.of(1, 2, 3) }, { anchors: [root] });
    expect(codesOf(verdict)).toEqual(['certificate-malformed']);
    expect(verdict.path).toEqual([]);
  });

  test('every path tried is in the attempts, each rule with its verdict', () => {
    const verdict = verdictOn(leaf, { anchors: [root], untrusted: [issuing] }, { names: ['leaf.example'] });
    const checks = verdict.attempts.at(-1)?.report.checks ?? [];
    expect(checks.every(({ passed }) => passed)).toBe(true);
    expect(new Set(checks.map(({ check }) => check))).toEqual(
      new Set([
        'decoding',
        'critical extensions',
        'algorithm',
        'public key',
        'validity',
        'basic constraints',
        'key usage',
        'signature',
        'name constraints',
        'policies',
        'path length',
        'subject name',
        'depth',
      ]),
    );
  });
});
