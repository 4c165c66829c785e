import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const directory = fileURLToPath(new URL('../../src/manual/prose', import.meta.url));

/** The prose of each page, by its verb. */
export const PROSE: ReadonlyMap<string, string> = new Map(
  readdirSync(directory).map((file) => [file.replace(/\.md$/, ''), readFileSync(join(directory, file), 'utf8')]),
);
