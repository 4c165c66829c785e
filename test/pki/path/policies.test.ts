import { describe, expect, test } from '@jest/globals';
import { oid, sequence, tlv, unsignedInteger } from '../../../src/pki/der/writer.ts';
import { OID } from '../../../src/pki/oids.ts';
import type { PathOptions } from '../../../src/pki/path/index.ts';
import { PolicyState } from '../../../src/pki/path/policies.ts';
import type { Extension } from '../../../src/pki/x509/extension.ts';
import { caExtensions, type Entity, extension, makeCa, makeLeaf, makeRoot } from '../../support/make-pki.ts';
import { codesOf, verdictOn } from '../../support/verify-made.ts';

const ANY = '2.5.29.32.0';
const A = '1.2.3.1';
const B = '1.2.3.2';
const C = '1.2.3.3';

const policies = (...ids: string[]): Extension =>
  extension(OID.certificatePolicies, sequence(...ids.map((id) => sequence(oid(id)))));
const mappings = (...pairs: [string, string][]): Extension =>
  extension(OID.policyMappings, sequence(...pairs.map((pair) => sequence(...pair.map(oid)))), true);
const integer = (tag: number, value: number): Uint8Array => tlv(tag, unsignedInteger(value).subarray(2));
const requireExplicit = (skip: number): Extension =>
  extension(OID.policyConstraints, sequence(integer(0x80, skip)), true);
const inhibitMapping = (skip: number): Extension =>
  extension(OID.policyConstraints, sequence(integer(0x81, skip)), true);
const inhibitAny = (skip: number): Extension => extension(OID.inhibitAnyPolicy, unsignedInteger(skip), true);

const root = makeRoot('CN=Root');

/** The codes for a path of CAs with these extensions and a leaf with those of the last. */
function codes(levels: Extension[][], options: PathOptions = {}): string[] {
  let issuer: Entity = root;
  const untrusted: Entity[] = [];
  for (const [i, level] of levels.slice(0, -1).entries()) {
    issuer = makeCa(`CN=CA ${i}`, issuer, { extensions: caExtensions(undefined, ...level) });
    untrusted.push(issuer);
  }
  const leaf = makeLeaf('CN=leaf', issuer, undefined, { extensions: levels.at(-1) ?? [] });
  return codesOf(verdictOn(leaf, { anchors: [root], untrusted }, options));
}

const explicit = { requireExplicitPolicy: true };
const REFUSED = ['policy-not-valid'];

describe('certificate policies (RFC 9618)', () => {
  test('a failure names the rules of RFC 5280 that RFC 9618 restates', () => {
    const leaf = makeLeaf('CN=leaf', root);
    const [failure] = verdictOn(leaf, { anchors: [root] }, explicit).failures;
    expect(failure?.rule).toBe('RFC 5280 §6.1.3(f), §6.1.5(g)');
  });

  test('without the need for a policy anything goes', () => {
    expect(codes([[], []])).toEqual([]);
    expect(codes([[policies(A)], [policies(B)]])).toEqual([]);
    expect(codes([[policies(A)], [policies(B)]], { policies: [C] })).toEqual([]);
  });

  test.each<[string, Extension[][], PathOptions, string[]]>([
    ['one policy all the way', [[policies(A)], [policies(A, B)]], explicit, []],
    ['none in the leaf', [[policies(A)], []], explicit, REFUSED],
    ['different ones', [[policies(A)], [policies(B)]], explicit, REFUSED],
    ['one that the user accepts', [[policies(A)], [policies(A)]], { ...explicit, policies: [B, A] }, []],
    ['one that the user does not', [[policies(A)], [policies(A)]], { ...explicit, policies: [B] }, REFUSED],
    ['anyPolicy above', [[policies(ANY)], [policies(A)]], { ...explicit, policies: [A] }, []],
    ['anyPolicy below', [[policies(A)], [policies(ANY)]], { ...explicit, policies: [A] }, []],
    ['anyPolicy all the way', [[policies(ANY)], [policies(ANY)]], { ...explicit, policies: [C] }, []],
    ['anyPolicy inhibited', [[policies(ANY)], [policies(A)]], { ...explicit, inhibitAnyPolicy: true }, REFUSED],
    ['anyPolicy inhibited by the CA', [[policies(A), inhibitAny(0)], [policies(ANY)]], explicit, REFUSED],
    ['anyPolicy inhibited one later', [[policies(A), inhibitAny(1)], [policies(ANY)]], explicit, []],
    ['mapped', [[policies(A), mappings([A, B])], [policies(B)]], { ...explicit, policies: [A] }, []],
    [
      'mapped, in the subject domain',
      [[policies(A), mappings([A, B])], [policies(B)]],
      { ...explicit, policies: [B] },
      REFUSED,
    ],
    ['mapped away', [[policies(A), mappings([A, B])], [policies(A)]], explicit, REFUSED],
    [
      'mapped from anyPolicy of the CA',
      [[policies(ANY), mappings([A, B])], [policies(B)]],
      { ...explicit, policies: [A] },
      [],
    ],
    [
      'mapping inhibited',
      [[policies(A), mappings([A, B])], [policies(B)]],
      { ...explicit, inhibitPolicyMapping: true },
      REFUSED,
    ],
    [
      'mapping inhibited by the CA above',
      [[policies(A), inhibitMapping(0)], [policies(A), mappings([A, B])], [policies(B)]],
      explicit,
      REFUSED,
    ],
    ['required by the CA', [[policies(A), requireExplicit(0)], [policies(B)]], {}, REFUSED],
    ['required by the CA, and there', [[policies(A), requireExplicit(0)], [policies(A)]], {}, []],
    ['required two later', [[policies(A), requireExplicit(2)], [policies(B)]], {}, []],
    ['required by the leaf', [[policies(A)], [policies(B), requireExplicit(0)]], {}, REFUSED],
    ['mapping to anyPolicy', [[policies(A), mappings([A, ANY])], [policies(A)]], {}, ['policy-mapping-any']],
    ['the same policy twice', [[policies(A)], [policies(A, A)]], {}, ['extension-malformed']],
  ])('%s', (_, levels, options, expected) => {
    expect([...new Set(codes(levels, options))]).toEqual(expected);
  });

  test('many complete paths with many policies end in the budget of steps', () => {
    const many = policies(...Array.from({ length: 1000 }, (_, i) => `1.3.${Math.floor(i / 100)}.${i % 100}`));
    const extensions = caExtensions(undefined, many);
    const keys = Array.from({ length: 6 }, () => makeRoot('CN=Root', { extensions }));
    const links = keys.flatMap(({ key }) =>
      [root, ...keys].map((issuer) => makeCa('CN=Root', issuer, { key, extensions })),
    );
    const leaf = makeLeaf('CN=leaf', keys[0] as Entity, undefined, { extensions: [many] });
    const situation = { anchors: [root], untrusted: links };
    expect(codesOf(verdictOn(leaf, situation))).toEqual([]);
    const given = codesOf(verdictOn(leaf, situation, { names: ['other.example'] }));
    expect(given).toEqual(['name-mismatch', 'budget-steps']);
  });

  test('what blows up the tree of RFC 5280 stays small in the graph', () => {
    const both = [A, B].map((policyIdentifier) => ({ policyIdentifier, qualifiers: [] }));
    const all = [A, B].flatMap((from) => [A, B].map((to) => ({ issuerDomainPolicy: from, subjectDomainPolicy: to })));
    const state = new PolicyState(200, explicit, () => undefined);
    for (let i = 0; i < 199; i++) {
      expect(state.enter(both, false)).toBe(true);
      state.map(all);
      state.next(false, undefined, undefined);
    }
    expect(state.enter(both, false)).toBe(true);
    expect(state.finish(undefined, [B])).toBe(true);
    expect(state.graph.userConstrained([ANY]).toSorted()).toEqual([A, B]);
  });
});
