import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { expect, test } from '@jest/globals';
import { readSources } from '../architecture/imports.ts';
import { page } from './console.ts';

// "Dependencies" of docs/design.md: every package that is imported has its reason there, and nothing else is listed.
const section = (await page('design.md')).split('## Dependencies')[1] ?? '';
const [table = ''] = section.split('For development:');
const { devDependencies, optionalDependencies } = JSON.parse(
  await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
);

/** A package as its first column says it: `inquirer, @inquirer/prompts`, `zod 4`. */
const listed = [...table.matchAll(/^\| (?!package|-)(.*?) \|/gm)].flatMap(([, cell = '']) =>
  // `(with reflect-metadata)` is a package too, `(with its router)` is not.
  cell
    .replace(/ \(with (\S+-\S+)\)/, ', $1')
    .replace(/ \(.*\)/, '')
    .split(', ')
    .map((name) => name.replace(/ \d+$/, '')),
);
const imported = new Set(
  readSources()
    .flatMap(({ imports }) => imports)
    .filter(({ to, kind }) => kind !== 'type' && !/^(src|node:)/.test(to) && !isBuiltin(to) && /^[@a-z]/.test(to))
    .filter(({ to }) => !to.endsWith('.json'))
    .map(({ to }) => /^(@[^/]+\/)?[^/]+/.exec(to)?.[0] as string),
);

test('what is imported is listed, with its reason', () => {
  expect(imported.size).toBeGreaterThan(8);
  for (const name of imported) expect(listed).toContain(name);
});

test('what is listed is installed', () => {
  for (const name of listed) expect(Object.keys({ ...devDependencies, ...optionalDependencies })).toContain(name);
});
