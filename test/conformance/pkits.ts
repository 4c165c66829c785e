import { readFileSync } from 'node:fs';
import type { PathOptions } from '../../src/pki/path/index.ts';

// NIST's Public Key Interoperability Test Suite 1.0.1.

export const suite = JSON.parse(readFileSync(new URL('vectors/pkits.json', import.meta.url), 'utf8')) as {
  certificates: Record<string, string>;
  crls: Record<string, string>;
};
export const ROOT = 'TrustAnchorRootCertificate';
export const NOW = '2015-01-01T00:00:00Z';

/** What is validated. Of most the name says whether they are valid: `Valid…`, `Invalid…`. */
export const TARGETS: readonly string[] = Object.keys(suite.certificates).filter(
  (name) => name.endsWith('EE') || /^(V|Inv)alid/.test(name),
);

/** CA certificates and CRLs by their names: all of them at once, building has to find the right ones. */
export const CAS: readonly string[] = Object.keys(suite.certificates).filter(
  (name) => !name.endsWith('EE') && name !== ROOT,
);

/** DSA, which is not supported. */
export const LEDGER: readonly string[] = ['ValidDSAParameterInheritanceTest5EE', 'ValidDSASignaturesTest4EE'];

export const expectedOf = (name: string): boolean | undefined =>
  /^(V|Inv)alid/.test(name) ? name.startsWith('Valid') && !LEDGER.includes(name) : undefined;

const policy = (...numbers: number[]): string[] => numbers.map((n) => `2.16.840.1.101.3.2.1.48.${n}`);
const explicit = { requireExplicitPolicy: true };

/** What depends on the inputs of policy processing (PKITS 4.8 to 4.12). */
export const WITH_POLICIES: readonly [name: string, options: PathOptions, valid: boolean][] = [
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
];
