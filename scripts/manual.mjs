// Writes man/ anew from the command definitions and src/manual/prose.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleOne } from './bundle-one.mjs';

const directory = await mkdtemp('node_modules/.manual-');
try {
  const outfile = join(directory, 'generate.mjs');
  await bundleOne('src/commands/manual-pages.ts', outfile);
  const prose = Object.fromEntries(
    await Promise.all(
      (await readdir('src/manual/prose')).map(async (file) => [
        file.replace(/\.md$/, ''),
        await readFile(join('src/manual/prose', file), 'utf8'),
      ]),
    ),
  );
  const { manualPages } = await import(pathToFileURL(outfile).href);
  const pages = await manualPages((name) => {
    if (prose[name] === undefined) throw new Error(`src/manual/prose/${name}.md is missing`);
    return prose[name];
  });
  for (const file of await readdir('man')) if (!pages.has(file)) await rm(join('man', file));
  for (const [file, text] of pages) await writeFile(join('man', file), text);
} finally {
  await rm(directory, { recursive: true });
}
