import { expect, test } from '@jest/globals';
import { FINDINGS } from '../../src/drift/codes.ts';
import { alertName } from '../../src/endpoint/alerts.ts';
import { FAILURES } from '../../src/pki/path/index.ts';
import { failureTable, findingTable, rejectionTable } from '../../src/verification/failure-table.ts';
import { page } from './console.ts';

const section = (await page('runbook.md')).split('## A handshake fails')[1] as string;

test('every code in "a handshake fails" exists', () => {
  const alerts = new Set(Array.from({ length: 256 }, (_, code) => alertName(code)));
  const known = new Set([...Object.keys(FAILURES), ...Object.keys(FINDINGS), ...alerts, 'closed']);
  const named = [...section.matchAll(/`([a-z]+(?:[-_][a-z]+)+|expired|revoked|closed)`/g)].map(([, code]) => code);
  expect(named.length).toBeGreaterThan(20);
  for (const code of named) expect(known).toContain(code);
});

test('the tables for the manual page are whole', () => {
  expect(
    failureTable()
      .map(({ code }) => code)
      .toSorted(),
  ).toEqual(Object.keys(FAILURES).toSorted());
  for (const { rule, meaning, cure } of failureTable())
    for (const text of [rule, meaning, cure]) expect(text).toMatch(/\S/);
  expect(findingTable()).toHaveLength(Object.keys(FINDINGS).length);
  expect(rejectionTable().length).toBeGreaterThan(3);
});
