import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ClusterCaError } from '../../src/errors.ts';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import type { Secret } from '../../src/keystore/envelope/slot.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { unlock } from '../../src/keystore/unlock.ts';
import { done, fails } from '../cli/checks.ts';
import { cli } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';

const place = await newPlace('wrong');
const path = (name: string): string => join(place.directory, name);
const at = ['--keystore', path('keystore')];
const run = (args: string[]) => cli([...args, ...at], { cwd: place.directory, env: place.env });
const RIGHT = 'four wrong words and one';

/** Every file of the keystore, and the anchor: names and content. */
async function everything(): Promise<string> {
  const hash = createHash('sha256');
  for (const root of ['keystore', 'state'])
    for (const entry of (await readdir(path(root), { recursive: true, withFileTypes: true })).sort((a, b) =>
      join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
    )) {
      const name = join(entry.parentPath, entry.name);
      hash.update(name);
      if (entry.isFile()) hash.update(await readFile(name));
    }
  return hash.digest('hex');
}

const passphrase = (text: string): Secret => ({ kind: 'passphrase', bytes: new TextEncoder().encode(text) });

test('100 wrong passphrases: 12 each time, nothing is changed, and the right one opens', async () => {
  await writeFile(path('right'), RIGHT, { mode: 0o600 });
  await writeFile(path('wrong'), `${RIGHT}!`, { mode: 0o600 });
  await done(run, ['init', 'orders', '--passphrase-file', path('right')]);
  const before = await everything();
  const keystore = await Keystore.open(new DirectoryStore(path('keystore'), { groupRead: false }), {
    anchors: undefined,
  });
  // What is near it, and what is far: a letter more, a letter less, another case, other words.
  const near = [...RIGHT].flatMap((_, i) => [RIGHT.slice(0, i) + RIGHT.slice(i + 1), RIGHT.toUpperCase().slice(i)]);
  const far = Array.from({ length: 100 }, (_, i) => `no passphrase of this keystore ${i}`);
  const wrong = [...new Set([...near, ...far])].slice(0, 100);
  const tried: unknown[] = [];
  // Two at a time: each takes the time and memory of the smallest scrypt that a slot may ask for.
  for (let i = 0; i < wrong.length; i += 2)
    tried.push(
      ...(await Promise.all(
        wrong.slice(i, i + 2).map((text) =>
          unlock(keystore, i % 4 === 0 ? 'daily' : 'root', [passphrase(text)]).then(
            () => 'opened',
            (error: unknown) => (error instanceof ClusterCaError ? `${error.code} ${error.exitCode}` : error),
          ),
        ),
      )),
    );
  expect(tried).toEqual(new Array(100).fill('ERR_PASSPHRASE 12'));
  await fails(run, ['issue', 'n1', '--out', path('out'), '--passphrase-file', path('wrong')], 'ERR_PASSPHRASE');
  expect(await everything()).toBe(before);
  for (const domain of ['daily', 'root'] as const) (await unlock(keystore, domain, [passphrase(RIGHT)])).close();
  await done(run, ['issue', 'n1', '--out', path('out'), '--passphrase-file', path('right')]);
}, 600_000);
