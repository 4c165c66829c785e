import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { PathOptions } from '../../src/pki/path/index.ts';
import { encodePem } from '../../src/pki/pem.ts';
import { scratch } from '../support/scratch.ts';
import { expectVerdict, runAll } from './command-line.ts';
import { CAS, expectedOf, NOW, ROOT, suite, TARGETS, WITH_POLICIES } from './pkits.ts';

// Every case of PKITS through the built command line: signatures, validity, name chaining, CRLs, path length, policies,
// name constraints, distribution points and delta CRLs.

const directory = await scratch('pkits');
const write = (name: string, label: string, ...values: (string | undefined)[]): string => {
  const path = join(directory, name);
  writeFileSync(path, values.map((base64) => encodePem(label, Buffer.from(base64 ?? '', 'base64'))).join(''));
  return path;
};
const common = [
  ...['--trust', write('root.pem', 'CERTIFICATE', suite.certificates[ROOT])],
  ...['--untrusted', write('cas.pem', 'CERTIFICATE', ...CAS.map((name) => suite.certificates[name]))],
  ...['--crl', write('crls.pem', 'X509 CRL', ...Object.values(suite.crls))],
  ...['--at', NOW, '--explain', '--json'],
];

function words(name: string, options: PathOptions = {}): string[] {
  const { policies = [], requireExplicitPolicy, inhibitPolicyMapping, inhibitAnyPolicy } = options;
  return [
    'verify',
    write(`${name}.pem`, 'CERTIFICATE', suite.certificates[name]),
    ...common,
    ...policies.flatMap((oid) => ['--policy', oid]),
    ...(requireExplicitPolicy ? ['--require-explicit-policy'] : []),
    ...(inhibitPolicyMapping ? ['--inhibit-policy-mapping'] : []),
    ...(inhibitAnyPolicy ? ['--inhibit-any-policy'] : []),
  ];
}

const told = TARGETS.flatMap((name) => {
  const valid = expectedOf(name);
  return valid === undefined ? [] : [[name, valid] as const];
});
const asked = WITH_POLICIES.map(
  ([name, options, valid]) => [`${name} with ${JSON.stringify(options)}`, name, options, valid] as const,
);
const results = await runAll(
  [
    ...told.map(([name]) => [name, words(name)] as const),
    ...asked.map(([key, name, options]) => [key, words(name, options)] as const),
  ],
  directory,
);

describe('PKITS through the command line', () => {
  test('all of it', () => expect(results.size).toBeGreaterThan(230));

  test.each(told)('%s', (name, valid) => {
    const { attempts } = expectVerdict(results.get(name), valid);
    expect(Array.isArray(attempts)).toBe(true);
  });

  test.each(asked)('%s', (key, _, __, valid) => {
    expectVerdict(results.get(key), valid);
  });
});
