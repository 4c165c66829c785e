import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { done, expectExit, fails, verdict, words } from './checks.ts';
import type { AuditDocument } from './documents.ts';
import { contents, tree } from './tree.ts';

const cluster = await newCluster();
const other = await newCluster({ name: 'other' });
const { ca, keystore, out } = cluster;
const NO_SECRET = { env: { CLUSTER_CA_KEY_FILE: '/nonexistent/key' } };
const AUDIT_KEY = cluster.made.auditKey;

await done(ca, ['issue', 'n1']);
const early = join(cluster.directory, 'early');
const result = await ca(['audit', 'checkpoint']);
await writeFile(early, result.stdout);
await done(ca, ['issue', 'n2', '--plane', 'data']);
const late = join(cluster.directory, 'late');
const printed = await done<{ checkpoint: string; size: number; head: string; verifierKey: string }>(ca, [
  'audit',
  'checkpoint',
]);
await writeFile(late, printed.checkpoint);
const certificate = join(out, 'n2/data/cert.pem');
const bundle = join(out, 'n2/data/ca.pem');

describe('audit checkpoint', () => {
  test('a signed note, and nothing else on stdout', () => {
    expectExit(result, 0);
    expect(result.stderr).toBe('');
    const [origin, size, root, empty, signature] = result.stdout.split('\n');
    expect(origin).toBe(`cluster-ca/orders/${cluster.made.keystoreId}`);
    expect([size, empty]).toEqual(['3', '']);
    expect(root).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(signature?.startsWith(`— ${origin} `)).toBe(true);
    expect(printed).toMatchObject({ size: 5, head: expect.stringMatching(/^4:/) });
    expect(printed.verifierKey.startsWith(`${origin}+`)).toBe(true);
  });

  test('it signs, so it wants the secret', async () => {
    const { CLUSTER_CA_KEY_FILE: _, ...env } = cluster.env;
    await fails((args, options) => warmCli(args, { ...options, env }), ['audit', 'checkpoint'], 'ERR_INPUT_REQUIRED');
  });

  test('a log that was changed, or is older than it was, is not signed', async () => {
    const copy = join(cluster.directory, 'changed');
    await cp(keystore, copy, { recursive: true });
    await rm(join(copy, 'snapshot'), { recursive: true });
    await rm(join(copy, 'public'), { recursive: true });
    await rm(join(copy, 'log/0/4'));
    await fails(ca, ['audit', 'checkpoint', '--keystore', copy], 13);
  });
});

describe('audit verify --since', () => {
  const since = (file: string, ...args: string[]) => ['audit', 'verify', '--since', file, ...args];

  test('a log that grew from it, without a secret and without a change', async () => {
    const before = await tree(keystore);
    for (const file of [early, late]) {
      const audit = await done<AuditDocument & { root: string }>(ca, since(file), NO_SECRET);
      expect([audit.valid, audit.rollbackChecked, audit.records]).toEqual([true, true, 5]);
      expect(printed.checkpoint).toContain(`\n${audit.root}\n`);
    }
    expect(await tree(keystore)).toEqual(before);
  });

  test('an older copy, where there is no anchor: 13', async () => {
    const copy = join(cluster.directory, 'older');
    await cp(keystore, copy, { recursive: true });
    await rm(join(copy, 'public'), { recursive: true });
    await rm(join(copy, 'log/0/4'));
    const nobody = { env: { XDG_STATE_HOME: join(cluster.directory, 'nobody') } };
    await done(ca, since(early, '--keystore', copy), nobody);
    const { valid, error } = await verdict<AuditDocument>(
      ca,
      since(late, '--keystore', copy),
      'ERR_KEYSTORE_ROLLED_BACK',
      nobody,
    );
    expect([valid, words(error)]).toEqual([false, expect.stringContaining('5')]);
  });

  test('a checkpoint that was changed, and one of another keystore: 13', async () => {
    const changed = join(cluster.directory, 'changed-note');
    await writeFile(changed, (await readFile(early, 'utf8')).replace('\n3\n', '\n4\n'));
    await verdict(ca, since(changed), 'ERR_KEYSTORE_TAMPERED');
    await verdict(other.ca, since(early), 'ERR_KEYSTORE_TAMPERED');
  });

  test('what is no checkpoint, or not there: 2', async () => {
    await fails(ca, since(certificate), 'ERR_CONFIG');
    await fails(ca, since('/nonexistent'), 'ERR_CONFIG');
  });
});

describe('audit prove', () => {
  const prove = (what: string, to: string, checkpoint = late) => [
    'audit',
    'prove',
    what,
    '--checkpoint',
    checkpoint,
    '--out',
    resolve(cluster.directory, to),
  ];
  const check = (from: string, ...args: string[]) => [
    'audit',
    'verify',
    '--proof',
    join(cluster.directory, from),
    ...args,
  ];

  test('one certificate, by file or serial, without a secret; checked with no keystore there', async () => {
    const made = await done<{ files: string[]; serial: string; record: number }>(
      ca,
      prove(certificate, 'proof'),
      NO_SECRET,
    );
    expect(made.files.map((file) => file.split('/').at(-1)).sort()).toEqual(
      ['audit.pem', 'cert.pem', 'pack', 'record', 'record.tlog-proof'].sort(),
    );
    expect(made.record).toBe(4);
    await done(ca, prove(made.serial, 'by-serial'), NO_SECRET);
    const nowhere = { env: { CLUSTER_CA_KEYSTORE: '/nonexistent' } };
    for (const known of [
      ['--trust', bundle],
      ['--audit-key', AUDIT_KEY],
    ]) {
      const proof = await done<{ valid: boolean }>(ca, check('by-serial', ...known), nowhere);
      expect(proof).toMatchObject({ valid: true, record: 4, records: 5, serial: made.serial });
    }
    const text = await ca(check('proof', '--trust', bundle), nowhere);
    expect(text.stdout).toContain(made.serial);
  });

  test('what is there already is not overwritten, a node’s own cert.pem least of all: 6', async () => {
    const tls = join(out, 'n1/data');
    const before = await contents(tls);
    const error = await fails(ca, prove(certificate, tls), 'ERR_EXISTS');
    expect(error.message).toContain(join(tls, 'cert.pem'));
    expect(await contents(tls)).toEqual(before);
    await done(ca, prove(certificate, 'twice'));
    await fails(ca, prove(certificate, 'twice'), 'ERR_EXISTS');
  });

  test('any file of it exchanged or changed: 13', async () => {
    await done(ca, prove(certificate, 'good'));
    await done(ca, prove(join(out, 'n1/data/cert.pem'), 'another'));
    for (const name of ['cert.pem', 'pack', 'record', 'record.tlog-proof']) {
      const at = join(cluster.directory, `exchanged-${name}`);
      await cp(join(cluster.directory, 'good'), at, { recursive: true });
      await cp(join(cluster.directory, 'another', name), join(at, name));
      const { valid } = await verdict<{ valid: boolean }>(
        ca,
        check(`exchanged-${name}`, '--trust', bundle),
        'ERR_KEYSTORE_TAMPERED',
      );
      expect([name, valid]).toEqual([name, false]);
    }
    // Who has a proof may have no keystore that could be checked or restored.
    const { stderr } = await ca(check('exchanged-record', '--trust', bundle));
    expect(stderr).toMatch(/hint: have it made again: cluster-ca audit prove/);
  });

  test('a key that nobody wrote down: 13; a proof without a key to hold it against: 2', async () => {
    await done(ca, prove(certificate, 'whose'));
    await verdict(
      ca,
      check('whose', '--trust', join(other.keystore, 'public/trust-bundle.pem')),
      'ERR_KEYSTORE_TAMPERED',
    );
    await verdict(ca, check('whose', '--audit-key', other.made.auditKey), 'ERR_KEYSTORE_TAMPERED');
    await fails(ca, check('whose'), 'ERR_USAGE');
    await fails(ca, check('whose', '--trust', bundle, '--since', late), 'ERR_USAGE');
    await fails(ca, check('nowhere', '--trust', bundle), 'ERR_CONFIG');
  });

  test('a checkpoint from before the certificate, an unknown certificate, a word', async () => {
    await fails(ca, prove(certificate, 'x', early), 'ERR_STATE');
    await fails(ca, prove('0123456789abcdef0123', 'x'), 'ERR_NOT_FOUND');
    await fails(ca, prove(bundle, 'x'), 'ERR_NOT_FOUND');
    await fails(ca, prove('n1', 'x'), 'ERR_USAGE');
    await fails(ca, ['audit', 'prove', certificate, '--out', 'x'], 'ERR_USAGE');
  });

  test('openssl takes the key of the proof for one that the root vouches for', async () => {
    await done(ca, prove(certificate, 'openssl'));
    const audit = join(cluster.directory, 'openssl/audit.pem');
    const verified = await run('openssl', ['verify', '-ignore_critical', '-CAfile', bundle, audit]);
    expect(verified.stdout).toContain('OK');
  });
});
