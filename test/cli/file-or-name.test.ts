import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, fails, words } from './checks.ts';

// A file in the working directory is meant by its bare name, unless the log has a node or client of that name.
const cluster = await newCluster();
const { ca, out } = cluster;
await done(ca, ['issue', 'n1', 'cert.of.n2', '--plane', 'data']);
const cwd = await cluster.dir('bare');
const placed = (node: string, name: string): Promise<Buffer> => readFile(join(out, node, 'data', name));
await writeFile(join(cwd, 'cert.pem'), await placed('n1', 'cert.pem'));
await writeFile(join(cwd, 'ca.pem'), await placed('n1', 'ca.pem'));
await writeFile(join(cwd, 'cert.of.n2'), await placed('n1', 'cert.pem'));

test.each([
  ['inspect', ['inspect', 'cert.pem']],
  ['inspect of two', ['inspect', 'cert.pem', 'ca.pem']],
  ['verify', ['verify', 'cert.pem']],
  ['verify --trust', ['verify', 'cert.pem', '--trust', 'ca.pem']],
  ['revoke', ['revoke', 'cert.pem', '--dry-run']],
])('%s takes cert.pem for a file', async (_, args) => {
  await done(ca, args, { cwd });
});

test.each([
  ['inspect', ['inspect', 'cert.of.n2']],
  ['inspect of two', ['inspect', 'ca.pem', 'cert.of.n2']],
  ['verify', ['verify', 'cert.of.n2']],
  ['revoke', ['revoke', 'cert.of.n2', '--yes']],
])('%s of a file that has a name of the log: 2, naming both', async (_, args) => {
  const said = words(await fails(ca, args, 'ERR_USAGE', { cwd }));
  expect(said).toContain('file:cert.of.n2');
  expect(said).toContain('node:cert.of.n2');
});

test('without a keystore there is no such name', async () => {
  const env = { CLUSTER_CA_KEYSTORE: '/nonexistent/keystore' };
  await done(ca, ['inspect', 'cert.of.n2'], { cwd, env });
  await done(ca, ['verify', 'cert.of.n2', '--trust', 'ca.pem'], { cwd, env });
});
