import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { sha256 } from '../../src/crypto/hash.ts';
import { createVerifySignature } from '../../src/crypto/verify-signature.ts';
import { PathCertificate, PathCrl, type PathOptions, verifyPath } from '../../src/pki/path/index.ts';

const suite = JSON.parse(readFileSync(new URL('vectors/pkits.json', import.meta.url), 'utf8')) as {
  certificates: Record<string, string>;
  crls: Record<string, string>;
};
const ROOT = 'TrustAnchorRootCertificate';
const NOW = new Date('2015-01-01T00:00:00Z');
const verify = createVerifySignature();
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const root = new PathCertificate(bytes(suite.certificates[ROOT] as string), 'anchor', sha256);

/** Every CA certificate and every CRL of the suite at once: building has to find the right ones. */
const pool = Object.entries(suite.certificates)
  .filter(([name]) => !name.endsWith('EE') && name !== ROOT)
  .flatMap(([, base64]) => readable(() => new PathCertificate(bytes(base64), 'untrusted', sha256)));
const crls = Object.values(suite.crls).flatMap((base64) => readable(() => new PathCrl(bytes(base64), sha256)));

function readable<T>(read: () => T): T[] {
  try {
    return [read()];
  } catch {
    return [];
  }
}

function isValid(name: string, options: PathOptions = {}): boolean {
  const target = { der: bytes(suite.certificates[name] as string) };
  return verifyPath({ target, anchors: [root], untrusted: pool, crls, now: NOW, options, verify, sha256 }).valid;
}

/** DSA, which is not supported. */
const LEDGER = ['ValidDSAParameterInheritanceTest5EE', 'ValidDSASignaturesTest4EE'];

describe('PKITS', () => {
  const targets = Object.keys(suite.certificates).filter((name) => name.endsWith('EE') || /^(V|Inv)alid/.test(name));

  test('holds what is claimed', () => {
    expect(targets.length).toBe(223);
    expect(pool.length).toBeGreaterThan(150);
    expect(crls.length).toBeGreaterThan(150);
  });

  test('every certificate that says in its name whether it is valid is judged so', () => {
    const wrong = targets.filter((name) => /^(V|Inv)alid/.test(name) && isValid(name) !== name.startsWith('Valid'));
    expect(wrong).toEqual(LEDGER);
  });

  const policy = (...numbers: number[]): string[] => numbers.map((n) => `2.16.840.1.101.3.2.1.48.${n}`);
  const explicit = { requireExplicitPolicy: true };
  test.each<[string, PathOptions, boolean]>([
    ['ValidCertificatePathTest1EE', explicit, true],
    ['ValidCertificatePathTest1EE', { ...explicit, policies: policy(1) }, true],
    ['ValidCertificatePathTest1EE', { ...explicit, policies: policy(2) }, false],
    ['ValidCertificatePathTest1EE', { ...explicit, policies: policy(1, 2) }, true],
    ['AllCertificatesNoPoliciesTest2EE', {}, true],
    ['AllCertificatesNoPoliciesTest2EE', explicit, false],
    ['DifferentPoliciesTest3EE', {}, true],
    ['DifferentPoliciesTest3EE', explicit, false],
    ['DifferentPoliciesTest3EE', { ...explicit, policies: policy(1, 2) }, false],
    ['DifferentPoliciesTest4EE', {}, false],
    ['DifferentPoliciesTest5EE', {}, false],
    ['OverlappingPoliciesTest6EE', {}, true],
    ['OverlappingPoliciesTest6EE', { policies: policy(1) }, true],
    ['OverlappingPoliciesTest6EE', { policies: policy(2) }, false],
    ['DifferentPoliciesTest7EE', {}, false],
    ['DifferentPoliciesTest8EE', {}, false],
    ['DifferentPoliciesTest9EE', {}, false],
    ['AllCertificatesSamePoliciesTest10EE', { policies: policy(1) }, true],
    ['AllCertificatesSamePoliciesTest10EE', { policies: policy(2) }, true],
    ['AllCertificatesanyPolicyTest11EE', {}, true],
    ['AllCertificatesanyPolicyTest11EE', { policies: policy(1) }, true],
    ['DifferentPoliciesTest12EE', {}, false],
    ['AllCertificatesSamePoliciesTest13EE', { policies: policy(1) }, true],
    ['AllCertificatesSamePoliciesTest13EE', { policies: policy(3) }, true],
    ['AnyPolicyTest14EE', { policies: policy(1) }, true],
    ['AnyPolicyTest14EE', { policies: policy(2) }, false],
    ['UserNoticeQualifierTest18EE', { policies: policy(1) }, true],
    ['UserNoticeQualifierTest18EE', { policies: policy(2) }, true],
    ['CPSPointerQualifierTest20EE', { ...explicit, policies: policy(1) }, true],
    ['ValidPolicyMappingTest1EE', { policies: policy(1) }, true],
    ['ValidPolicyMappingTest1EE', { policies: policy(2) }, false],
    ['ValidPolicyMappingTest1EE', { inhibitPolicyMapping: true }, false],
    ['ValidPolicyMappingTest3EE', { policies: policy(1) }, false],
    ['ValidPolicyMappingTest3EE', { policies: policy(2) }, true],
    ['ValidPolicyMappingTest5EE', { policies: policy(1) }, true],
    ['ValidPolicyMappingTest5EE', { policies: policy(6) }, false],
    ['ValidPolicyMappingTest12EE', { policies: policy(1) }, true],
    ['ValidPolicyMappingTest12EE', { policies: policy(2) }, true],
    ['inhibitAnyPolicyTest3EE', {}, true],
    ['inhibitAnyPolicyTest3EE', { inhibitAnyPolicy: true }, false],
  ])('%s with %j', (name, options, expected) => {
    expect(isValid(name, options)).toBe(expected);
  });
});
