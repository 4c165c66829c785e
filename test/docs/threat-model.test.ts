import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { page } from './console.ts';

// SECURITY.md promises, docs/threat-model.md names the test behind each promise, and the tests are there.
const root = join(import.meta.dirname, '../..');
const security = await readFile(join(root, 'SECURITY.md'), 'utf8');
const promised = [...security.matchAll(/^- \*\*([A-Z]\d+)\*\*/gm)].map(([, id = '']) => id);
const rows = [...(await page('threat-model.md')).matchAll(/^\| ([A-Z]\d+) \| [^|]+ \| (.+) \|$/gm)].map(
  ([, id = '', cell = '']) => ({
    id,
    tests: [...cell.matchAll(/\[(test\/[\w/.-]+\.test\.ts)\]\(\.\.\/(test\/[^)]+)\)(?:: \*([^*]+)\*)?/g)].map(
      ([, file = '', link = '', title]) => ({ file, link, title }),
    ),
  }),
);

test('each promise has its row, once, and no row is without a promise', () => {
  expect(promised.length).toBeGreaterThan(25);
  expect(new Set(promised).size).toBe(promised.length);
  expect(rows.map(({ id }) => id).sort()).toEqual([...promised].sort());
});

describe.each(rows.map((row) => [row.id, row.tests] as const))('%s', (_, tests) => {
  test('is backed by tests that are there', () => {
    expect(tests.length).toBeGreaterThan(0);
    for (const { file, link, title } of tests) {
      expect(link).toBe(file);
      expect([file, existsSync(join(root, file))]).toEqual([file, true]);
      // Its name, as the file has it.
      if (title !== undefined) expect(readFileSync(join(root, file), 'utf8')).toContain(title);
    }
  });
});

test('what is not promised is said: memory, rollback, planes, revocation', () => {
  const [, limits = ''] = security.split('## What is not promised');
  for (const word of ['Memory', 'Rollback', 'Planes', 'Revocation']) expect(limits).toContain(`- **${word}`);
});
