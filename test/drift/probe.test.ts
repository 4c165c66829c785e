import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { done, fails } from '../cli/checks.ts';
import type { AuditDocument, ListDocument } from '../cli/documents.ts';
import { files, tree } from '../cli/tree.ts';
import { newCluster } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { codes, deployed, inventory, look, serving } from './services.ts';

// `verify --inventory` that unlocks the keystore: a certificate is made to look with, its key stays in memory.
const cluster = await newCluster();
const other = await newCluster({ name: 'other' });
const { ca, keyFile, directory } = cluster;
await done(ca, ['issue', '--inventory', await inventory(cluster, [{ kind: 'files', dir: '/nowhere' }])]);
const dir = await deployed(cluster, 'n1/data', 'good');
const file = await inventory(cluster, [{ kind: 'etcd', dir, port: await serving(dir) }]);
const probes = async () =>
  (await done<ListDocument>(ca, ['list', '--all'])).certificates.filter(({ kind }) => kind === 'probe');

/** Every file below with a private key in it. */
async function keys(): Promise<string[]> {
  const names = await files(directory);
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'latin1')));
  return names.filter((_, i) => texts[i]?.includes('PRIVATE KEY'));
}

describe('a probe is made', () => {
  test.each([
    ['with --probe', ['--probe']],
    ['with a secret named on the command line', ['--key-file', keyFile]],
  ])('%s: the mutual handshake is tried, and the certificate is in the log', async (_, flags) => {
    const [before, keysBefore] = [await probes(), await keys()];
    const seen = await look(cluster, file, ...flags);
    expect([seen.code, seen.findings, seen.warnings]).toEqual([0, [], undefined]);
    const { probe } = seen;
    expect(probe).toMatchObject({ kind: 'probe', profile: 'probe', status: 'valid', keyType: 'ecdsa-p256' });
    expect((await probes()).map(({ serial }) => serial)).toEqual([
      ...before.map(({ serial }) => serial),
      probe?.serial,
    ]);
    expect(await keys()).toEqual(keysBefore);
    expect((await done<AuditDocument>(ca, ['audit', 'verify'])).valid).toBe(true);
  });

  test('for an hour to each side, clientAuth alone, one URI', async () => {
    const [probe] = await probes();
    const { notBefore = '', notAfter = '', serial = '' } = probe ?? {};
    expect(Date.parse(notAfter) - Date.parse(notBefore)).toBe(2 * 3_600_000 - 1000);
    expect(Date.parse(notBefore)).toBeLessThan(Date.now() - 3_500_000);
    expect(probe?.subjectAltNames).toEqual([
      expect.stringMatching(/^URI:spiffe:\/\/orders\.internal\/probe\/[a-z-]+$/),
    ]);
    expect(await done(ca, ['inspect', `serial:${serial}`])).toMatchObject({
      serial,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['clientAuth'],
      basicConstraints: { cA: false },
    });
    const text = (await ca(['list'])).stdout;
    expect(text).not.toContain('probe');
  });

  test('a server that trusts another CA refuses it', async () => {
    const foreign = await readFile(join(other.keystore, 'public', 'trust-bundle.pem'));
    const port = await serving(dir, { ca: foreign });
    const seen = await look(cluster, await inventory(cluster, [{ kind: 'etcd', dir, port }]), '--probe');
    expect([seen.code, codes(seen)]).toEqual([4, ['client-refused']]);
  });

  test('it is said in the text, and in a pipeline’s format on stderr', async () => {
    for (const format of ['text', 'sarif']) {
      const { code, stderr } = await ca(['verify', '--inventory', file, '--probe', '--format', format]);
      expect([code, stderr]).toEqual([
        0,
        expect.stringMatching(/^looked with a probe certificate: serial [0-9a-f]{40}/m),
      ]);
    }
  });
});

describe('none is made, and not a byte changes', () => {
  test.each<[string, string[], boolean]>([
    ['with a secret in the environment alone: looking leaves nothing behind', ['--inventory', file], true],
    ['with --dry-run', ['--inventory', file, '--probe', '--dry-run'], true],
    ['when no service has an address', [], false],
  ])('%s', async (_, args, addressed) => {
    const inventories = addressed ? [] : ['--inventory', await inventory(cluster, [{ kind: 'files', dir }]), '--probe'];
    const before = await tree(directory);
    const result = await ca(['verify', ...args, ...inventories, '--json']);
    expect([result.code, result.json().probe]).toEqual([0, undefined]);
    expect(result.json().warnings?.join() ?? '').toMatch(addressed ? /--probe/ : /^$/);
    expect(result.json().dryRun).toBe(args.includes('--dry-run') ? true : undefined);
    expect(await tree(directory)).toEqual(before);
  });

  test('wrong usage, no secret, a wrong one', async () => {
    const before = await tree(directory);
    const { CLUSTER_CA_KEY_FILE: _, ...env } = cluster.env;
    const bare = (args: string[]) => warmCli(args, { env, cwd: cluster.out });
    const app = ['--cert', join(dir, 'cert.pem'), '--key', join(dir, 'key.pem')];
    await fails(ca, ['verify', '--inventory', file, '--probe', ...app], 'ERR_USAGE');
    await fails(ca, ['verify', 'n1', '--probe'], 'ERR_USAGE');
    await fails(ca, ['verify', '127.0.0.1:1', '--key-file', keyFile], 'ERR_USAGE');
    await fails(bare, ['verify', '--inventory', file, '--probe'], 'ERR_INPUT_REQUIRED');
    expect(await tree(directory)).toEqual(before);
    const wrong = join(other.directory, 'wrong');
    await writeFile(wrong, Buffer.alloc(32, 7), { mode: 0o600 });
    await fails(ca, ['verify', '--inventory', file, '--key-file', wrong], 'ERR_PASSPHRASE');
    await fails(ca, ['verify', '--inventory', file, '--probe', '--keystore', join(directory, 'none')], 10);
  });
});
