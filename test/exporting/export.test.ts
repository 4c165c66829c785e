import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { done, expectExit, fails, words } from '../cli/checks.ts';
import { run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';

const cluster = await newCluster();
const { ca, out, directory } = cluster;
await done(ca, ['issue', 'n1', 'n2']);
await done(ca, ['issue', '--client', 'app_rw']);

const file = (name: string): string => join(directory, name);
const text = (path: string): Promise<string> => readFile(path, 'utf8');
const placed = (name: string): Promise<string> => text(join(out, name));
const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
const data = ['n1', '--plane', 'data'];

describe('what holds no key goes to stdout', () => {
  test('pem: the chain as issue wrote it', async () => {
    const result = await ca(['export', ...data]);
    expectExit(result, 0);
    expect(result.stdout).toBe(await placed('n1/data/cert.pem'));
    expect((await ca(['export', ...data, '--out', '-'])).stdout).toBe(result.stdout);
    expect((await ca(['export', 'app_rw'])).stdout).toBe(await placed('clients/app_rw/cert.pem'));
  });

  test('bundle: the trust bundle, of nobody in particular', async () => {
    expect((await ca(['export', '--format', 'bundle'])).stdout).toBe(await placed('n1/data/ca.pem'));
    await fails(ca, ['export', 'n1', '--format', 'bundle'], 2);
  });

  test('crl: of every CA; with a NODE of those above it', async () => {
    const all = (await ca(['crl'])).stdout;
    expect((await ca(['export', '--format', 'crl'])).stdout).toBe(all);
    expect((await ca(['export', ...data, '--format', 'crl'])).stdout).toBe(all);
  });

  test('--json', async () => {
    const document = await done<{ files: string[]; pem: string }>(ca, ['export', '--format', 'bundle']);
    expect(document).toMatchObject({ files: [], pem: await placed('n1/data/ca.pem') });
  });

  test('to a file that anybody may read', async () => {
    const path = file('bundle.pem');
    expect((await done<{ files: string[] }>(ca, ['export', '--format', 'bundle', '--out', path])).files).toEqual([
      path,
    ]);
    expect([await text(path), await mode(path)]).toEqual([await placed('n1/data/ca.pem'), 0o644]);
  });

  test('needs no secret', async () => {
    await done(ca, ['export', ...data], { env: { CLUSTER_CA_KEY_FILE: '/nonexistent/key' } });
  });
});

describe('pem with the key', () => {
  test('--from adds it: one file, 0600', async () => {
    const path = file('combined.pem');
    await done(ca, ['export', ...data, '--from', out, '--out', path]);
    expect(await text(path)).toBe((await placed('n1/data/cert.pem')) + (await placed('n1/data/key.pem')));
    expect(await mode(path)).toBe(0o600);
  });

  test.each([
    ['no --out', []],
    ['--out -', ['--out', '-']],
  ])('never to stdout: %s', async (_, more) => {
    await fails(ca, ['export', ...data, '--from', out, ...more], 2);
    await fails(ca, ['export', ...data, '--format', 'k8s-secret', ...more], 2);
    await fails(ca, ['export', ...data, '--format', 'p12', ...more], 2);
  });

  test('a key of another certificate: 6; none: 6; no key at all: 2', async () => {
    const to = ['--out', file('none.pem')];
    await writeFile(join(await cluster.dir('wrong/n1/data'), 'key.pem'), await placed('n2/data/key.pem'));
    const error = await fails(ca, ['export', ...data, '--from', file('wrong'), ...to], 'ERR_STATE');
    expect(words(error)).not.toContain('PRIVATE KEY');
    await fails(ca, ['export', ...data, '--from', file('nowhere'), ...to], 'ERR_NOT_FOUND');
    await writeFile(join(await cluster.dir('junk/n1/data'), 'key.pem'), 'junk');
    await fails(ca, ['export', ...data, '--from', file('junk'), ...to], 'ERR_CONFIG');
    await expect(stat(file('none.pem'))).rejects.toThrow();
  });

  test('a key in SEC 1 and in PKCS#1 is one too', async () => {
    const target = join(await cluster.dir('sec1/n1/data'), 'key.pem');
    await run('openssl', ['ec', '-in', join(out, 'n1/data/key.pem'), '-out', target]);
    await done(ca, ['export', ...data, '--from', file('sec1'), '--out', file('sec1.pem')]);
    expect(await text(file('sec1.pem'))).toContain('BEGIN EC PRIVATE KEY');
  });
});

describe('k8s-secret', () => {
  const secret = async (args: string[]) => {
    const path = file('secret.yaml');
    await done(ca, ['export', '--format', 'k8s-secret', '--from', out, '--out', path, ...args]);
    expect(await mode(path)).toBe(0o600);
    return parse(await text(path));
  };
  const decoded = (value: string): string => Buffer.from(value, 'base64').toString();

  test('a Secret of type kubernetes.io/tls', async () => {
    const made = await secret(data);
    expect(made).toMatchObject({ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls' });
    expect(made.metadata).toMatchObject({ name: 'n1-data-tls' });
    expect(Object.keys(made.data)).toEqual(['tls.crt', 'tls.key', 'ca.crt']);
    expect(decoded(made.data['tls.crt'])).toBe(await placed('n1/data/cert.pem'));
    expect(decoded(made.data['tls.key'])).toBe(await placed('n1/data/key.pem'));
    expect(decoded(made.data['ca.crt'])).toBe(await placed('n1/data/ca.pem'));
  });

  test('names, also such as YAML has values for', async () => {
    expect((await secret(['app_rw'])).metadata.name).toBe('app-rw-tls');
    const made = await secret([...data, '--namespace', '1e3', '--secret-name', 'null']);
    expect(made.metadata).toMatchObject({ name: 'null', namespace: '1e3' });
  });

  test.each([
    ['--namespace', 'Prod'],
    ['--namespace', 'a.b'],
    ['--namespace', 'a'.repeat(64)],
    ['--secret-name', 'a_b'],
    ['--secret-name', '-a'],
    ['--secret-name', 'a\nb: c'],
    ['--secret-name', 'a..b'],
  ])('%s %j: 2', async (flag, value) => {
    await fails(ca, ['export', ...data, '--format', 'k8s-secret', '--out', file('x'), flag, value], 2);
  });
});

describe('what is refused', () => {
  test.each([
    ['a name that is not known', ['export', 'n9'], 6],
    ['several planes', ['export', 'n1'], 2],
    ['a plane that is none', ['export', 'n1', '--plane', 'x'], 2],
    ['no NODE', ['export'], 2],
    ['another format', ['export', 'n1', '--format', 'jks'], 2],
    ['--from without a key', ['export', '--format', 'bundle', '--from', '.'], 2],
    ['a password without p12', ['export', ...data, '--export-password-fd', '3'], 2],
    ['a namespace without k8s-secret', ['export', ...data, '--namespace', 'x'], 2],
  ])('%s', async (_, args, code) => {
    await fails(ca, args, code);
  });

  test('a key with a revoked certificate', async () => {
    await done(ca, ['issue', 'gone', '--plane', 'data']);
    await done(ca, ['revoke', 'gone', '--yes']);
    await fails(ca, ['export', 'gone', '--from', out, '--out', file('gone.pem')], 'ERR_STATE');
    await done(ca, ['export', 'gone']);
  });

  test('a place that cannot be written: 14', async () => {
    await fails(ca, ['export', '--format', 'bundle', '--out', file('no/such/dir.pem')], 14);
  });
});

test('--dry-run writes nothing', async () => {
  const path = file('dry.p12');
  const document = await done(ca, ['export', ...data, '--format', 'p12', '--from', out, '--out', path, '--dry-run']);
  expect(document).toMatchObject({ files: [path], dryRun: true });
  await expect(stat(path)).rejects.toThrow();
});
