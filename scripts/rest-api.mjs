// Writes docs/rest-api.md anew from the routes of the daemon.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleOne } from './bundle-one.mjs';

const directory = await mkdtemp('node_modules/.rest-api-');
try {
  const outfile = join(directory, 'page.mjs');
  await bundleOne('src/server/rest-api-page.ts', outfile);
  const { restApiPage } = await import(pathToFileURL(outfile).href);
  await writeFile('docs/rest-api.md', restApiPage());
} finally {
  await rm(directory, { recursive: true });
}
