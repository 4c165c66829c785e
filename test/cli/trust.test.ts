import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, errorObject } from './checks.ts';
import { openssl } from './x509.ts';

const cluster = await newCluster();
const { ca, directory, out } = cluster;

const P256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** A self-signed certificate made by openssl. @returns its file */
async function selfSigned(name: string, days: string, isCa = true, key = P256): Promise<string> {
  const path = join(directory, `${name}.pem`);
  await openssl([
    ...['req', '-x509', '-newkey', ...key, '-nodes', '-days', days],
    ...['-subj', `/CN=${name}`, '-keyout', join(directory, `${name}.key`), '-out', path],
    ...(isCa ? [] : ['-addext', 'basicConstraints=critical,CA:FALSE']),
  ]);
  return path;
}

interface Trust {
  anchors: { subject: string; fingerprint: string; origin: string; authority?: string; status: string }[];
}
const bundle = async (): Promise<string> => (await ca(['export', '--format', 'bundle'])).stdout;

test('added: in every bundle, in no judgement; nobody is asked without a terminal; removed again', async () => {
  const file = await selfSigned('monitoring', '3650');
  const before = await bundle();
  await done(ca, ['trust', 'add', file, '--dry-run']);
  expect(await bundle()).toBe(before);
  const { anchors } = await done<Trust>(ca, ['trust', 'add', file]);
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
  await done(ca, ['trust', 'remove', added.slice(0, 12).toUpperCase()]);
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
  errorObject(await add(await selfSigned('weak', '30', true, ['rsa:1024'])), 'ERR_POLICY');
  const { anchors } = await done<Trust>(ca, ['trust', 'list']);
  const root = anchors[0]?.fingerprint as string;
  errorObject(await ca(['trust', 'remove', root, '--yes', '--json']), 'ERR_STATE');
  errorObject(await ca(['trust', 'remove', 'xyz', '--yes', '--json']), 'ERR_USAGE');
});

test('an intermediate CA is no anchor to servers that use OpenSSL: said, and never the root of a takeover', async () => {
  const above = await selfSigned('above', '30');
  const [request, file] = [join(directory, 'between.csr'), join(directory, 'between.pem')];
  const key = join(directory, 'above.key');
  await openssl(['req', '-new', '-key', join(directory, 'monitoring.key'), '-subj', '/CN=between', '-out', request]);
  const extensions = join(directory, 'between.cnf');
  await writeFile(extensions, 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n');
  await openssl([
    ...['x509', '-req', '-in', request, '-CA', above, '-CAkey', key, '-CAcreateserial', '-days', '20'],
    ...['-extfile', extensions, '-out', file],
  ]);
  const { stderr } = await ca(['trust', 'add', file, '--dry-run']);
  expect(stderr).toBe(
    'cluster-ca: warning: CN=between is no root CA: servers that use OpenSSL take only what is self-signed for an anchor; add the root that it leads to\n',
  );
  const refused = await ca(['rollover', 'start', '--from-anchor', file, '--dry-run', '--json']);
  const { message, hint } = errorObject(refused, 'ERR_POLICY');
  expect(message).toContain('CN=between is no root CA');
  expect(hint).toBe('give the root that it leads to; its issuer is CN=above');
  await done(ca, ['rollover', 'start', '--from-anchor', above, '--dry-run']);
});
