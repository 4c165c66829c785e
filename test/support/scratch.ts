import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';

/** A new empty directory (0700), removed after the test file. */
export async function scratch(name = 'test'): Promise<string> {
  const directory = await mkdtemp(join(await realpath(tmpdir()), `cluster-ca-${name}-`));
  afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}
