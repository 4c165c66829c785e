import { chmod, lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { cli, RunOptions } from '../support/cli.ts';
import { type InitDocument, newPlace } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { done, expectExit, fails, words } from './checks.ts';
import { files, tree } from './tree.ts';
import { certificates, fingerprintOf, openssl, serialOf } from './x509.ts';

const place = await newPlace('init');
const PASSPHRASE = 'correct horse battery';
let count = 0;

/** A new keystore path, and a runner that has a key file for it. */
function next(): { keystore: string; run: (args: string[], options?: RunOptions) => ReturnType<typeof cli> } {
  const keystore = join(place.directory, `keystore-${++count}`);
  const env = { ...place.env, CLUSTER_CA_KEYSTORE: keystore, CLUSTER_CA_KEY_FILE: `${keystore}.key` };
  return { keystore, run: (args, options) => warmCli(args, { ...options, env: { ...env, ...options?.env } }) };
}

const mode = async (path: string): Promise<string> => ((await lstat(path)).mode & 0o777).toString(8);

describe('what init makes', () => {
  const { keystore, run } = next();
  let made: InitDocument;

  test('a document with the two authorities', async () => {
    made = await done<InitDocument>(run, ['init', 'orders']);
    expect(made).toMatchObject({
      cluster: 'orders',
      keystore,
      keystoreId: expect.stringMatching(/^[0-9a-f]{32}$/),
      auditKey: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(made.authorities.map((authority) => authority.role).sort()).toEqual(['issuing', 'root']);
    for (const authority of made.authorities)
      expect(authority).toMatchObject({
        id: expect.any(String),
        subject: expect.stringMatching(/^CN=orders (Root|Issuing) CA G1/),
        serial: expect.stringMatching(/^[4-7][0-9a-f]{39}$/),
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
        keyType: 'ecdsa-p256',
        notBefore: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        notAfter: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        status: expect.any(String),
      });
  });

  test('the key file, 32 bytes, 0600', async () => {
    expect(await readFile(`${keystore}.key`)).toHaveLength(32);
    expect(await mode(`${keystore}.key`)).toBe('600');
  });

  test('directories 0700 and files 0600, and nothing beside the keystore', async () => {
    expect(await mode(keystore)).toBe('700');
    for (const entry of await readdir(keystore, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      expect([path, await mode(path)]).toEqual([path, entry.isDirectory() ? '700' : '600']);
    }
    expect((await readdir(place.directory)).filter((name) => name.startsWith('.cluster-ca.'))).toEqual([]);
  });

  test('the files of the format', async () => {
    const names = await readdir(keystore);
    for (const name of ['KEYSTORE', 'log', 'objects', 'public', 'sealed', 'slots']) expect(names).toContain(name);
    expect(await readdir(join(keystore, 'public'))).toEqual(expect.arrayContaining(['crl.pem', 'trust-bundle.pem']));
  });

  test('the trust bundle is the root, as printed', async () => {
    const [root, ...rest] = certificates(await readFile(join(keystore, 'public/trust-bundle.pem'), 'utf8'));
    expect(rest).toEqual([]);
    const printed = made.authorities.find((authority) => authority.role === 'root');
    expect(root && fingerprintOf(root)).toBe(printed?.fingerprint);
    expect(root && serialOf(root)).toBe(printed?.serial);
  });

  test('a CRL of each authority', async () => {
    const { crls } = await done<{ crls: { authority: string }[] }>(run, ['crl']);
    expect(crls.map((crl) => crl.authority).sort()).toEqual(made.authorities.map((authority) => authority.id).sort());
  });

  test('lasts ten and five years', () => {
    const years = (role: string): number => {
      const found = made.authorities.find((authority) => authority.role === role);
      return Math.round((Date.parse(found?.notAfter ?? '') - Date.parse(found?.notBefore ?? '')) / (365 * 86_400_000));
    };
    expect([years('root'), years('issuing')]).toEqual([10, 5]);
  });
});

test('in text, stdout shows the fingerprints of the root and of the audit key', async () => {
  const { run } = next();
  const result = await run(['init', 'orders']);
  expectExit(result, 0);
  const bundle = join(place.directory, `keystore-${count}`, 'public/trust-bundle.pem');
  const [root] = certificates(await readFile(bundle, 'utf8'));
  const shown = result.stdout.replaceAll(':', '').toLowerCase();
  expect(shown).toContain(root && fingerprintOf(root));
  expect(shown.match(/[0-9a-f]{64}/g)?.length).toBeGreaterThanOrEqual(2);
});

describe('where it may stand', () => {
  test('without --keystore: $XDG_DATA_HOME/cluster-ca/CLUSTER', async () => {
    const made = await done<InitDocument>(
      (args, options) => warmCli(args, { ...options, env: place.env }),
      ['init', 'payments', '--key-file', join(place.directory, 'payments.key')],
    );
    expect(made.keystore).toBe(join(place.env.XDG_DATA_HOME, 'cluster-ca/payments'));
    expect(await mode(made.keystore)).toBe('700');
  });

  test('an empty directory is fine, and is made 0700', async () => {
    const { keystore, run } = next();
    await mkdir(keystore, { mode: 0o755 });
    await chmod(keystore, 0o755);
    await done(run, ['init', 'orders']);
    expect(await mode(keystore)).toBe('700');
  });

  test('over a keystore: 6, and not a byte is changed', async () => {
    const { keystore, run } = next();
    await done(run, ['init', 'orders']);
    const before = await tree(keystore);
    await fails(run, ['init', 'orders'], 'ERR_EXISTS');
    await fails(run, ['init', 'orders', '--dry-run'], 'ERR_EXISTS');
    expect(await tree(keystore)).toEqual(before);
  });

  test('a directory with anything in it: 6', async () => {
    const { keystore, run } = next();
    await mkdir(keystore);
    await writeFile(join(keystore, '.hidden'), 'mine');
    const before = await tree(keystore);
    expect(words(await fails(run, ['init', 'orders'], 6))).toContain(keystore);
    expect(await tree(keystore)).toEqual(before);
  });

  test('a file: 6', async () => {
    const { keystore, run } = next();
    await writeFile(keystore, 'mine');
    await fails(run, ['init', 'orders'], 6);
    expect(await readFile(keystore, 'utf8')).toBe('mine');
  });

  test('a dangling symbolic link is not followed', async () => {
    const { keystore, run } = next();
    await symlink(`${keystore}-elsewhere`, keystore);
    const result = await run(['init', 'orders', '--json']);
    expect([6, 13]).toContain(result.code);
    expect(await files(`${keystore}-elsewhere`)).toEqual([]);
  });
});

test('--dry-run: the same document without serials, no passphrase, not a byte', async () => {
  const { keystore } = next();
  const before = await tree(place.directory);
  const plan = await done<InitDocument & { dryRun: boolean }>(
    (args, options) => warmCli(args, { ...options, env: { ...place.env, CLUSTER_CA_KEYSTORE: keystore } }),
    ['init', 'orders', '--dry-run'],
  );
  expect(plan).toMatchObject({ dryRun: true, cluster: 'orders', keystore });
  expect(plan.authorities).toHaveLength(2);
  for (const authority of plan.authorities) expect(authority).not.toHaveProperty('serial');
  expect(await tree(place.directory)).toEqual(before);
});

test('--tolerate-ca-outage: the lifetimes that follow, and why, as text and as JSON', async () => {
  const { run } = next();
  const args = ['init', 'orders', '--tolerate-ca-outage', '48h'];
  const text = await run([...args, '--dry-run']);
  expect(text.stdout).toMatch(
    /outage tolerated +64h \(asked for: 2d\)\n +because +a certificate of 16d is due when 256h/,
  );
  const { policy, caOutage } = await done<
    InitDocument & { policy: object; caOutage: { asked: number; why: string[] } }
  >(run, args);
  expect(policy).toMatchObject({ nodeLifetime: 16 * 86_400, rotateBefore: 256 * 3600 });
  expect([caOutage.asked, caOutage.why.length]).toEqual([48 * 3600, 3]);
});

describe('what it refuses', () => {
  test.each([
    ['no CLUSTER', ['init']],
    ['two', ['init', 'orders', 'more']],
    ['an illegal CLUSTER', ['init', 'Orders_1']],
    ['a CLUSTER of 41 characters', ['init', 'o'.repeat(41)]],
    ['a CLUSTER of two labels', ['init', 'or.ders']],
    ['a key type that is none', ['init', 'orders', '--key-type', 'ecdsa-p257']],
    ['ed25519 for the CAs', ['init', 'orders', '--key-type', 'ed25519']],
    ['rsa-2048 for the CAs', ['init', 'orders', '--key-type', 'rsa-2048']],
    ['a node key type that is none', ['init', 'orders', '--node-key-type', 'rsa-1024']],
    ['a duration without a unit', ['init', 'orders', '--root-lifetime', '10']],
    ['a range that is none', ['init', 'orders', '--permit-ip', '10.0.0.0/33']],
    ['a domain that is none', ['init', 'orders', '--domain', 'not a domain']],
    ['a plane that is none', ['init', 'orders', '--plane', '../up']],
    ['an outage that 3 days do not outlast', ['init', 'orders', '--tolerate-ca-outage', '2d', '--node-lifetime', '3d']],
    [
      'an outage that ends in an alert',
      [
        'init',
        'orders',
        '--tolerate-ca-outage',
        '20d',
        '--node-lifetime',
        '90d',
        '--rotate-before',
        '60d',
        '--alert-before',
        '45d',
      ],
    ],
  ])('%s: 2', async (_, args) => {
    const { keystore, run } = next();
    await fails(run, args, 2);
    expect(await files(keystore)).toEqual([]);
  });

  test('an issuing CA that outlives its root: 5', async () => {
    const { keystore, run } = next();
    await fails(run, ['init', 'orders', '--root-lifetime', '1y', '--issuing-lifetime', '2y'], 5);
    expect(await files(keystore)).toEqual([]);
  });

  test.each([
    ['11 characters', 'elevenchars', 5],
    ['12 characters', 'twelve chars', 0],
    ['12 characters in 24 bytes', 'éééééééééééé', 0],
    ['1,024 bytes', 'x'.repeat(1024), 0],
    ['1,025 bytes', 'x'.repeat(1025), 5],
  ])('a passphrase of %s', async (_, passphrase, exit) => {
    const { keystore } = next();
    const env = { ...place.env, CLUSTER_CA_KEYSTORE: keystore };
    const args = ['init', 'orders', '--passphrase-fd', '3', '--json'];
    const result = await warmCli(args, { env, descriptors: [passphrase] });
    expectExit(result, exit);
    if (exit !== 0) expect(await files(keystore)).toEqual([]);
  });

  test('no secret at all: 2, and names the flag', async () => {
    const { keystore } = next();
    const env = { ...place.env, CLUSTER_CA_KEYSTORE: keystore };
    const run = (args: string[], options?: RunOptions) => warmCli(args, { ...options, env });
    expect(words(await fails(run, ['init', 'orders'], 'ERR_INPUT_REQUIRED'))).toContain('--passphrase-f');
    expect(await files(keystore)).toEqual([]);
  });
});

test('a key file and a passphrase: two slots, and each opens', async () => {
  const { keystore, run } = next();
  await done(run, ['init', 'orders', '--passphrase-fd', '3'], { descriptors: [PASSPHRASE] });
  const out = await place.dir(`out-${count}`);
  await done(run, ['issue', 'n1', '--out', out]);
  const env = { ...place.env, CLUSTER_CA_KEYSTORE: keystore };
  const args = ['issue', 'n2', '--out', out, '--passphrase-fd', '3'];
  await done((words, options) => warmCli(words, { ...options, env }), args, { descriptors: [PASSPHRASE] });
});

test('--allow-group-read: 0750 and 0640, slots and sealed keys still 0700 and 0600', async () => {
  const { keystore, run } = next();
  await done(run, ['init', 'orders', '--allow-group-read']);
  await done(run, ['issue', 'n1', '--out', await place.dir(`out-${count}`)]);
  expect(await mode(keystore)).toBe('750');
  for (const entry of await readdir(keystore, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const secret = /^(slots|sealed)(\/|$)/.test(path.slice(keystore.length + 1));
    const expected = entry.isDirectory() ? ['700', '750'] : ['600', '640'];
    // tmp/, lock and reserve carry nothing; what is to be read may be read.
    if (!/\/(tmp|lock|reserve)$/.test(path)) expect([path, await mode(path)]).toEqual([path, expected[secret ? 0 : 1]]);
  }
});

describe('the certificates that follow from it', () => {
  /** Makes a keystore with these words and gives the text of n1's issuing CA and of its certificate. */
  async function issued(init: string[], issue: string[] = []): Promise<{ ca: string; node: string; out: string }> {
    const { run } = next();
    await done(run, ['init', 'orders', ...init]);
    const out = await place.dir(`out-${count}`);
    await done(run, ['issue', 'n1', '--out', out, ...issue]);
    const [plane] = await readdir(join(out, 'n1'));
    const [node, ca] = certificates(await readFile(join(out, 'n1', plane ?? '', 'cert.pem'), 'utf8'));
    const text = (pem = ''): Promise<string> => openssl(['x509', '-noout', '-text'], pem);
    return { ca: await text(ca?.toString()), node: await text(node?.toString()), out };
  }

  test('by default: constraints of the cluster’s own domain, localhost and private ranges', async () => {
    const { ca } = await issued([]);
    expect(ca).toMatch(/X509v3 Name Constraints: critical/);
    for (const name of ['DNS:orders.internal', 'DNS:localhost', 'IP:10.0.0.0/255.0.0.0', 'IP:127.0.0.0/255.0.0.0'])
      expect(ca).toContain(name);
    expect(ca).toMatch(/X509v3 Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
    expect(ca).not.toContain('Extended Key Usage');
  });

  test('--domain: the first is the trust domain and the default of names', async () => {
    const { ca, node } = await issued(['--domain', 'a.example', '--domain', 'b.example']);
    expect(ca).toContain('DNS:a.example');
    expect(ca).toContain('DNS:b.example');
    expect(ca).toContain('DNS:localhost');
    expect(ca).not.toContain('orders.internal');
    expect(node).toContain('DNS:n1.a.example');
    expect(node).toMatch(/URI:spiffe:\/\/a\.example\/node\/n1\/(control|data)/);
  });

  test('--permit-ip: these and loopback', async () => {
    const { ca } = await issued(['--permit-ip', '203.0.113.0/24', '--permit-ip', '2001:db8::/32']);
    expect(ca).toContain('IP:203.0.113.0/255.255.255.0');
    expect(ca).toMatch(/IP:2001:DB8:/i);
    expect(ca).toContain('IP:127.0.0.0/255.0.0.0');
    expect(ca).not.toContain('IP:10.0.0.0');
  });

  test('--permit-ip none: every address is excluded', async () => {
    const { ca } = await issued(['--permit-ip', 'none']);
    expect(ca).toMatch(/Excluded:[\s\S]*IP:0\.0\.0\.0\/0\.0\.0\.0/);
    expect(ca).not.toContain('127.0.0.0');
  });

  test('--plane: the cluster’s planes', async () => {
    const { out } = await issued(['--plane', 'admin', '--plane', 'replication']);
    expect((await readdir(join(out, 'n1'))).sort()).toEqual(['admin', 'replication']);
  });

  test.each([
    ['ecdsa-p384', /ASN1 OID: secp384r1/],
    ['rsa-3072', /Public-Key: \(3072 bit\)/],
  ])('--key-type %s is of the CAs', async (type, expected) => {
    const { ca, node } = await issued(['--key-type', type]);
    expect(ca).toMatch(expected);
    expect(node).toContain('prime256v1');
  });

  test.each([
    ['ed25519', /Public Key Algorithm: ED25519/],
    ['rsa-2048', /Public-Key: \(2048 bit\)/],
  ])('--node-key-type %s is of the nodes', async (type, expected) => {
    const { ca, node } = await issued(['--node-key-type', type]);
    expect(node).toMatch(expected);
    expect(ca).toContain('prime256v1');
  });

  test('--crl-url: the same URI in certificate and CRL', async () => {
    const url = 'http://crl.orders.internal/issuing.crl';
    const { node } = await issued(['--crl-url', url]);
    expect(node).toContain(`URI:${url}`);
    const { keystore } = { keystore: join(place.directory, `keystore-${count}`) };
    const crl = await openssl(['crl', '-in', join(keystore, 'public/crl.pem'), '-noout', '-text']);
    expect(crl).toMatch(/Issuing Distribution Point: critical/);
    expect(crl).toContain(`URI:${url}`);
  });
});

test('a root keystore that others may write, or that is a link: 13 wherever it is opened', async () => {
  const { keystore, run } = next();
  const root = `${keystore}-root`;
  await done(run, ['init', 'orders', '--root-keystore', root]);
  const answer = join(place.directory, `answer-${count}`);
  const request = join(place.directory, `request-${count}`);
  await done(run, ['crl', '--renew', '--authority', 'root-g1', '--request', request]);
  const link = `${root}-link`;
  await symlink(root, link);
  const expectRefused = async (at: string): Promise<void> => {
    const there = ['--root-keystore', at];
    await fails(run, ['crl', '--renew', '--authority', 'root-g1', ...there], 'ERR_KEYSTORE_PERMISSIONS');
    await fails(run, ['keystore', 'check', ...there], 'ERR_KEYSTORE_PERMISSIONS');
    await fails(run, ['crl', '--sign', request, '--out', answer, ...there], 'ERR_KEYSTORE_PERMISSIONS');
  };
  await expectRefused(link);
  for (const open of [root, join(root, 'slots'), join(root, 'sealed')]) {
    await chmod(open, 0o777);
    await expectRefused(root);
    await chmod(open, 0o700);
  }
  await done(run, ['crl', '--sign', request, '--out', answer, '--root-keystore', root]);
});

test('--root-keystore: the root’s secrets stand there, daily work does without them', async () => {
  const { keystore, run } = next();
  const root = `${keystore}-root`;
  const made = await done<InitDocument>(run, ['init', 'orders', '--root-keystore', root]);
  expect(await mode(root)).toBe('700');
  const out = await place.dir(`out-${count}`);
  await done(run, ['issue', 'n1', '--out', out]);
  await done(run, ['revoke', 'n1', '--yes']);
  const id = made.authorities.find((authority) => authority.role === 'root')?.id ?? '';
  const without = await run(['crl', '--renew', '--authority', id, '--json']);
  expect(without.code).not.toBe(0);
  expect(without.code).not.toBe(1);
  await done(run, ['crl', '--renew', '--authority', id, '--root-keystore', root]);
  await done(run, ['keystore', 'check']);
});
