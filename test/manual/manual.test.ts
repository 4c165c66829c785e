import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { manualPages } from '../../src/commands/manual-pages.ts';
import { VERBS } from '../../src/commands/verbs.ts';
import { EXIT_CODES } from '../../src/errors.ts';
import { EXIT_MEANINGS } from '../../src/manual/exit-codes.ts';
import { run } from '../support/cli.ts';
import { describeWith, program } from '../support/debian.ts';
import { PROSE } from './prose.ts';

const MAN = fileURLToPath(new URL('../../man', import.meta.url));
const generated = await manualPages((name) => PROSE.get(name) ?? '');
const files = (await readdir(MAN)).sort();

test('there is a page for the program and for each verb, and no other', () => {
  const wanted = ['cluster-ca.1', ...VERBS.map(({ name }) => `cluster-ca-${name}.1`)];
  expect([...generated.keys()].sort()).toEqual(wanted.sort());
  expect(files).toEqual(wanted);
  expect([...PROSE.keys()].sort()).toEqual(['cluster-ca', ...VERBS.map(({ name }) => name)].sort());
});

test.each([...generated])('%s agrees with the code; if not: npm run manual', async (file, text) => {
  expect(await readFile(join(MAN, file), 'utf8')).toBe(text);
});

test('npm installs them', async () => {
  const { man } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  expect([...man].sort()).toEqual(files.map((file) => `man/${file}`));
});

describe('each page', () => {
  test.each([...generated])('%s has its sections', (_, text) => {
    const headings = text.match(/^\.SH .*$/gm) ?? [];
    for (const heading of ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'EXIT STATUS', 'EXAMPLES', 'SEE ALSO'])
      expect(headings).toContain(`.SH ${heading}`);
    expect(headings.some((heading) => /OPTIONS|COMMANDS/.test(heading))).toBe(true);
    expect(text).toMatch(/^[\x20-\x7e\n]*$/);
    // Markup of the prose that was not understood.
    expect(text).not.toMatch(/(?<![\w\\])[_*`][A-Za-z]+[_*`](?!\w)/);
  });

  test('every exit code has its meaning', () => {
    expect(Object.keys(EXIT_MEANINGS).map(Number)).toEqual(
      [...new Set([0, 1, ...Object.values(EXIT_CODES)])].sort((a, b) => a - b),
    );
  });
});

const linted = await describeWith('mandoc', 'man');
linted('the pages are clean', () => {
  test.each(files)('%s for mandoc -T lint', async (file) => {
    const { stdout, stderr, code } = await run(program('mandoc'), ['-T', 'lint', join(MAN, file)]);
    expect([basename(file), stdout + stderr, code]).toEqual([file, '', 0]);
  });

  test.each(files)('%s for man --warnings', async (file) => {
    const { stdout, stderr, code } = await run(program('man'), ['--warnings', '-E', 'UTF-8', '-l', join(MAN, file)], {
      env: { MANWIDTH: '80', MANPAGER: 'cat', PAGER: 'cat' },
    });
    expect([file, stderr, code]).toEqual([file, '', 0]);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});
