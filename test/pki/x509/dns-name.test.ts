import { expect, test } from '@jest/globals';
import { isDnsName } from '../../../src/pki/x509/dns-name.ts';

const label = 'a'.repeat(63);

test.each([
  'a',
  'a.b',
  'redis-1.orders.internal',
  '1a',
  'a1.2b',
  'xn--bcher-kva.example',
  label,
  `${label}.${label}`,
  '1.2.3.a',
])('%s is a DNS name', (name) => {
  expect(isDnsName(name)).toBe(true);
  expect(isDnsName(`*.${name}`)).toBe(false);
  expect(isDnsName(`*.${name}`, { wildcard: true })).toBe(true);
});

test.each([
  '',
  '.',
  'a.',
  '.a',
  'a..b',
  'A',
  '-a',
  'a-',
  'a_b',
  'a b',
  'é',
  '10.0.0.1',
  '1',
  `${label}a`,
  `${`${label}.`.repeat(4)}a`,
  'a\0',
  'a\n',
  '*',
  'a.*',
  '*.*.a',
  'a*.b',
  '**.a',
])('%j is none, with or without a wildcard allowed', (name) => {
  expect(isDnsName(name)).toBe(false);
  expect(isDnsName(name, { wildcard: true })).toBe(false);
});

test('253 characters are the most', () => {
  const long = `${`${'a'.repeat(49)}.`.repeat(5)}${'a'.repeat(3)}`;
  expect(long).toHaveLength(253);
  expect(isDnsName(long)).toBe(true);
  expect(isDnsName(`${long}a`)).toBe(false);
});
