import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the parts of a keystore are to be, each absent before. */
export interface Places {
  keystore: string;
  keyFile: string;
  /** `XDG_STATE_HOME`, which is there already. */
  state: string;
}

let taken = false;

/**
 * The keystore of a cluster `orders` that was made before all tests (scripts/jest-setup.mjs): a copy of it, as if `init`
 * had been run. A test file gets it once, so that two of its keystores never have the same keys.
 * @returns the document that `init --json` had printed; undefined when there is none left
 */
export async function takePrepared<T extends { keystore: string }>(places: Places): Promise<T | undefined> {
  const from = process.env.PREPARED_KEYSTORE;
  if (from === undefined || taken) return undefined;
  taken = true;
  await cp(join(from, 'keystore'), places.keystore, { recursive: true });
  await cp(join(from, 'key-file'), places.keyFile);
  await cp(join(from, 'state'), places.state, { recursive: true });
  return { ...JSON.parse(await readFile(join(from, 'made.json'), 'utf8')), keystore: places.keystore };
}
