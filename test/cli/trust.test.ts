import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, errorObject } from './checks.ts';
import { openssl } from './x509.ts';

const cluster = await newCluster();
const { ca, directory, out } = cluster;

/** A self-signed certificate made by openssl. @returns its file */
async function selfSigned(name: string, days: string, isCa = true): Promise<string> {
  const path = join(directory, `${name}.pem`);
  await openssl([
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', days],
    ...['-subj', `/CN=${name}`, '-keyout', join(directory, `${name}.key`), '-out', path],
    ...(isCa ? [] : ['-addext', 'basicConstraints=critical,CA:FALSE']),
  ]);
  return path;
}

interface Trust {
  anchors: { subject: string; fingerprint: string; origin: string; authority?: string; status: string }[];
}
const bundle = async (): Promise<string> => (await ca(['export', '--format', 'bundle'])).stdout;

test('added: in every bundle, in no judgement; asked before; removed again', async () => {
  const file = await selfSigned('monitoring', '3650');
  const before = await bundle();
  errorObject(await ca(['trust', 'add', file, '--json']), 'ERR_INPUT_REQUIRED');
  expect(await bundle()).toBe(before);
  const { anchors } = await done<Trust>(ca, ['trust', 'add', file, '--yes']);
  expect(anchors).toMatchObject([
    { origin: 'cluster', authority: 'root-g1', status: 'valid' },
    { origin: 'added', subject: 'CN=monitoring', status: 'valid' },
  ]);
  const both = await bundle();
  expect(both).toContain((await readFile(file, 'utf8')).trim());
  await done(ca, ['issue', 'n1', '--plane', 'data']);
  expect(await readFile(join(out, 'n1/data/ca.pem'), 'utf8')).toBe(both);
  await done(ca, ['keystore', 'check']);
  // Nodes accept what it issued; the cluster's own certificates are judged by the cluster's own roots.
  errorObject(await ca(['verify', file, '--json']), 'ERR_PATH');
  errorObject(await ca(['trust', 'add', file, '--yes', '--json']), 'ERR_EXISTS');
  const added = anchors[1]?.fingerprint as string;
  expect((await done<Trust>(ca, ['trust', 'list'])).anchors).toHaveLength(2);
  await done(ca, ['trust', 'remove', added.slice(0, 12).toUpperCase(), '--yes']);
  expect(await bundle()).toBe(before);
  errorObject(await ca(['trust', 'remove', added, '--yes', '--json']), 'ERR_NOT_FOUND');
});

test('refused: no CA, the own root, what is no certificate, the root of the cluster to remove', async () => {
  const own = join(directory, 'own.pem');
  await writeFile(own, await bundle());
  const rubbish = join(directory, 'rubbish.pem');
  await writeFile(rubbish, 'rubbish');
  const add = (file: string) => ca(['trust', 'add', file, '--yes', '--json']);
  errorObject(await add(await selfSigned('leaf', '30', false)), 'ERR_POLICY');
  errorObject(await add(own), 'ERR_EXISTS');
  errorObject(await add(rubbish), 'ERR_CONFIG');
  const { anchors } = await done<Trust>(ca, ['trust', 'list']);
  const root = anchors[0]?.fingerprint as string;
  errorObject(await ca(['trust', 'remove', root, '--yes', '--json']), 'ERR_STATE');
  errorObject(await ca(['trust', 'remove', 'xyz', '--yes', '--json']), 'ERR_USAGE');
});
