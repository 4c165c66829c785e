import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { tarEntries } from '../../src/archive/tar.ts';
import { done } from '../cli/checks.ts';
import { newCluster } from '../support/clusters.ts';

// The staged keys of a killed fleet run: an archive in --out, by whoever may write there.
const { ca, directory, out } = await newCluster();
/** Beyond what Linux gives: no process has it. */
const GONE = 4_194_999;

test('the keys go to their holders below --out, whatever paths the archive has', async () => {
  await done(ca, ['issue', 'n1', '--plane', 'data']);
  const key = await readFile(join(out, 'n1/data/key.pem'));
  const paths = ['n1/data', 'n1/data/../../../beyond', 'n1/data/below'];
  const content = tarEntries(
    paths.map((path) => ({ path: `${path}/key.pem`, mode: 0o600, content: key })),
    0,
  );
  const name = `.cluster-ca.${hostname()}.${GONE}.1700000000000.keys.tar`;
  await writeFile(join(out, name), content);
  await mkdir(join(directory, 'beyond'));
  await rm(join(out, 'n1/data/key.pem'));
  await done(ca, ['issue', 'n2', '--plane', 'data']);
  expect(await readdir(join(directory, 'beyond'))).toEqual([]);
  expect((await readdir(join(out, 'n1/data'))).sort()).toEqual(['ca.pem', 'cert.pem', 'key.pem']);
  expect(await readFile(join(out, 'n1/data/key.pem'))).toEqual(key);
  expect(await readdir(out)).not.toContain(name);
});
