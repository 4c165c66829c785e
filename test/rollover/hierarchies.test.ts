import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { encodePem } from '../../src/pki/pem.ts';
import { done, errorObject } from '../cli/checks.ts';
import { openssl } from '../cli/x509.ts';
// @ts-expect-error: plain JavaScript, so that it runs without anything of this project
import * as reader from '../keystore/second-reader.mjs';
import { type Cluster, newCluster, newPlace } from '../support/clusters.ts';
import { abandon, endRollback, finish, step } from './driver.ts';

// What the keystore does in each phase, with the command line and openssl looking at it.

interface Issued {
  certificates: { authority: string; serial: string }[];
}
const pems = (text: string): number => text.split('-----BEGIN ').length - 1;

// One for each test: what one does to the keystore is not the next one's.
const [FULL, BACK, TAKEN, REFUSED, WIDER, NOT_WIDER, SLOTTED] = [
  await newCluster(),
  await newCluster(),
  await newCluster(),
  await newCluster(),
  await newCluster(),
  await newCluster(),
  await newCluster(),
];
const MEDIUM = join((await newPlace('medium')).directory, 'root');
const APART = await newCluster({ init: ['--root-keystore', MEDIUM] });

async function issue(cluster: Cluster, ...args: string[]): Promise<string> {
  const { certificates } = await done<Issued>(cluster.ca, ['issue', ...args, '--plane', 'data', '--force-new']);
  return certificates[0]?.authority as string;
}

/** How many anchors and CRLs are handed out, by every way there is. */
async function handedOut(cluster: Cluster): Promise<{ anchors: number; crls: number }> {
  const { ca, keystore, out } = cluster;
  const bundle = (await ca(['export', '--format', 'bundle'])).stdout;
  const crls = (await ca(['crl'])).stdout;
  expect(await readFile(join(keystore, 'public/trust-bundle.pem'), 'utf8')).toBe(bundle);
  expect(await readFile(join(keystore, 'public/crl.pem'), 'utf8')).toBe(crls);
  expect((await ca(['export', '--format', 'crl'])).stdout).toBe(crls);
  if (existsSync(join(out, 'n1/data/ca.pem'))) expect(await readFile(join(out, 'n1/data/ca.pem'), 'utf8')).toBe(bundle);
  return { anchors: pems(bundle), crls: pems(crls) };
}

async function whole({ ca, keystore, keyFile }: Cluster): Promise<void> {
  const check = await done<{ findings: unknown[]; unsealed: boolean }>(ca, ['keystore', 'check']);
  expect(check).toMatchObject({ findings: [], unsealed: true });
  // The reader that was written from the format's page alone sees the same state.
  const second = reader.readKeystore(keystore, [await readFile(keyFile)]);
  const first = await Keystore.open(new DirectoryStore(keystore, { groupRead: false }), { anchors: undefined });
  expect(second.state).toEqual(first.state);
}

describe('a rollover of our own root', () => {
  test('from start to done, and the next one', async () => {
    const cluster = FULL;
    const { ca, directory, keystore, out } = cluster;
    expect(await issue(cluster, 'n1')).toBe('issuing-g1.1');
    const oldLeaf = await readFile(join(out, 'n1/data/cert.pem'), 'utf8');
    const oldBundle = (await ca(['export', '--format', 'bundle'])).stdout;
    const kept = join(directory, 'kept.backup');
    const started = await done<Record<string, unknown>>(ca, ['rollover', 'start', '--backup', kept, '--yes']);
    expect(started).toMatchObject({
      phase: 'prepared',
      old: { authority: 'root-g1' },
      new: { authority: 'root-g2', subject: 'CN=orders Root CA G2' },
      files: [kept],
    });
    expect(await issue(cluster, 'n1')).toBe('issuing-g1.1');
    expect(await handedOut(cluster)).toEqual({ anchors: 1, crls: 4 });
    errorObject(await ca(['rollover', 'start', '--yes', '--json']), 'ERR_STATE');

    await step(cluster, 'prepared', 'distribute');
    expect(await issue(cluster, 'n1')).toBe('issuing-g1.1');
    expect(await handedOut(cluster)).toEqual({ anchors: 2, crls: 4 });
    await done(ca, ['verify', join(out, 'n1/data/cert.pem')]);

    await step(cluster, 'distribute', 'issue-new');
    expect(await issue(cluster, 'n1')).toBe('issuing-g2.1');
    expect(await handedOut(cluster)).toEqual({ anchors: 2, crls: 4 });
    await writeFile(join(directory, 'old-leaf.pem'), oldLeaf);
    await done(ca, ['verify', join(directory, 'old-leaf.pem')]);
    await done(ca, ['verify', 'n1']);

    // openssl: the new chain under the new root, and, by NewWithOld, under the old one; never without it.
    const { rollover } = reader.readKeystore(keystore).state;
    const link = Buffer.from(rollover.newWithOld, 'base64');
    const files = { old: oldBundle, link: encodePem('CERTIFICATE', link) };
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, `${name}.pem`), text);
    const leaf = join(out, 'n1/data/cert.pem');
    await writeFile(join(directory, 'chain.pem'), (await readFile(leaf, 'utf8')) + files.link);
    const verify = (anchors: string, untrusted: string): Promise<string> =>
      openssl(['verify', '-x509_strict', '-CAfile', join(directory, anchors), '-untrusted', untrusted, leaf]);
    expect(await verify('old.pem', join(directory, 'chain.pem'))).toMatch(/: OK/);
    await expect(verify('old.pem', leaf)).rejects.toThrow();

    await step(cluster, 'issue-new', 'retire');
    expect(await issue(cluster, 'n1')).toBe('issuing-g2.1');
    expect(await handedOut(cluster)).toEqual({ anchors: 1, crls: 4 });
    errorObject(await ca(['verify', join(directory, 'old-leaf.pem'), '--json']), 'ERR_PATH');
    await done(ca, ['verify', 'n1']);
    await whole(cluster);

    const slots = await readdir(join(keystore, 'slots'));
    const finished = await finish(cluster);
    expect(finished).toMatchObject({ destroyed: ['root-g1', 'issuing-g1.1'], rewrapped: true, slots: [] });
    expect(finished.backups).toEqual([{ id: expect.any(String), at: expect.any(String), root: true }]);
    // Two keys are left, and the audit key; the root domain's slot is another file, with the same secret.
    expect(await readdir(join(keystore, 'sealed'))).toHaveLength(3);
    expect((await readdir(join(keystore, 'slots'))).filter((id) => !slots.includes(id))).toHaveLength(1);
    await whole(cluster);
    expect(await done(ca, ['rollover', 'status'])).toMatchObject({ phase: 'done', old: { authority: 'root-g1' } });
    const { authorities } = await done<{ authorities: { id: string; status: string }[] }>(ca, ['inspect', keystore]);
    expect(authorities.map(({ id, status }) => `${id} ${status}`)).toEqual([
      ...['root-g1 destroyed', 'issuing-g1.1 destroyed', 'root-g2 valid', 'issuing-g2.1 valid'],
    ]);
    // The last CRL outlives the last certificate of its CA.
    const { crls } = await done<{ crls: { authority: string; nextUpdate: string }[] }>(ca, ['crl']);
    const { certificates } = await done<{ certificates: { authority: string; notAfter: string }[] }>(ca, [
      'list',
      '--all',
    ]);
    const ends = certificates.filter((one) => one.authority === 'issuing-g1.1').map((one) => Date.parse(one.notAfter));
    const last = crls.find((one) => one.authority === 'issuing-g1.1')?.nextUpdate as string;
    expect(Date.parse(last)).toBeGreaterThan(Math.max(...ends));
    errorObject(await ca(['crl', '--renew', '--authority', 'issuing-g1.1', '--json']), 'ERR_STATE');
    // What the old CA issued can still be revoked: it is recorded, and there is nobody to sign a CRL of it.
    await done(ca, ['revoke', join(directory, 'old-leaf.pem'), '--yes']);
    await done(ca, ['crl', '--renew']);

    // The new root alone vouches for the log, as the old one did.
    await writeFile(join(directory, 'new.pem'), (await ca(['export', '--format', 'bundle'])).stdout);
    for (const anchors of ['old.pem', 'new.pem'])
      await done(ca, ['audit', 'verify', '--trust', join(directory, anchors)]);
    // The backup that `start` kept is whole, with the phase in which it was made.
    const restored = join(directory, 'restored');
    const env = { CLUSTER_CA_KEYSTORE: restored, XDG_STATE_HOME: await cluster.dir('other-state') };
    await done((args) => ca(args, { env }), ['keystore', 'restore', kept]);
    expect((await ca(['rollover', 'status', '--json'], { env })).json()).toMatchObject({ phase: 'prepared' });

    await done(ca, ['rollover', 'start', '--yes']);
    expect(await done(ca, ['rollover', 'status'])).toMatchObject({
      phase: 'prepared',
      old: { authority: 'root-g2' },
      new: { authority: 'root-g3' },
    });
    await whole(cluster);
  }, 240_000);

  test('abandoned, and rolled back: the new keys go, and everything is as before', async () => {
    const cluster = BACK;
    const { ca, keystore } = cluster;
    await issue(cluster, 'n1');
    const before = await handedOut(cluster);
    const sealed = (await readdir(join(keystore, 'sealed'))).sort();
    await done(ca, ['rollover', 'start', '--yes']);
    expect(await abandon(cluster)).toEqual({ destroyed: ['root-g2', 'issuing-g2.1'], backups: [] });
    expect((await readdir(join(keystore, 'sealed'))).sort()).toEqual(sealed);
    expect(await handedOut(cluster)).toEqual(before);
    expect(await done(ca, ['rollover', 'status'])).toMatchObject({ phase: 'stable', old: { authority: 'root-g1' } });
    await whole(cluster);

    await done(ca, ['rollover', 'start', '--yes']);
    await step(cluster, 'prepared', 'distribute', 'issue-new');
    expect(await issue(cluster, 'n1')).toBe('issuing-g3.1');
    await step(cluster, 'issue-new', 'rollback');
    expect(await issue(cluster, 'n1')).toBe('issuing-g1.1');
    expect(await endRollback(cluster)).toMatchObject({ destroyed: ['root-g3', 'issuing-g3.1'] });
    expect(await issue(cluster, 'n1')).toBe('issuing-g1.1');
    expect(await handedOut(cluster)).toEqual(before);
    expect((await readdir(join(keystore, 'sealed'))).sort()).toEqual(sealed);
    await whole(cluster);
  }, 240_000);
});

describe('taking over a CA of somebody else', () => {
  const foreignRoot = async (directory: string): Promise<string> => {
    const path = join(directory, 'easy.pem');
    const key = join(directory, 'easy.key');
    const subject = ['-subj', '/CN=Easy-RSA CA', '-days', '30', '-keyout', key, '-out', path, '-nodes'];
    await openssl(['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', ...subject]);
    return path;
  };

  test('nothing is issued until both are trusted; no root passphrase is asked for; the CA that was there stays', async () => {
    const cluster = TAKEN;
    const { ca, directory, keystore } = cluster;
    const anchor = await foreignRoot(directory);
    const sealed = await readdir(join(keystore, 'sealed'));
    const started = await done<Record<string, unknown>>(ca, ['rollover', 'start', '--from-anchor', anchor, '--yes']);
    expect(started).toMatchObject({
      form: 'foreign',
      old: { subject: 'CN=Easy-RSA CA' },
      new: { authority: 'root-g1' },
    });
    errorObject(await ca(['issue', 'n1', '--json']), 'ERR_STATE');
    expect(await handedOut(cluster)).toEqual({ anchors: 1, crls: 2 });
    expect((await ca(['export', '--format', 'bundle'])).stdout.trim()).toBe((await readFile(anchor, 'utf8')).trim());
    await step(cluster, 'prepared', 'distribute');
    errorObject(await ca(['issue', 'n1', '--json']), 'ERR_STATE');
    expect(await handedOut(cluster)).toEqual({ anchors: 2, crls: 2 });
    await step(cluster, 'distribute', 'issue-new', 'retire');
    expect(await issue(cluster, 'n1')).toBe('issuing-g1.1');
    expect(await handedOut(cluster)).toEqual({ anchors: 1, crls: 2 });
    expect(await finish(cluster)).toEqual({ destroyed: [], rewrapped: false, slots: [], tokens: [], backups: [] });
    expect(await readdir(join(keystore, 'sealed'))).toEqual(sealed);
    await whole(cluster);
  });

  test('refused: our own root, no CA, two certificates', async () => {
    const { ca, directory } = REFUSED;
    const anchor = await foreignRoot(directory);
    const own = join(directory, 'own.pem');
    await writeFile(own, (await ca(['export', '--format', 'bundle'])).stdout);
    const two = join(directory, 'two.pem');
    await writeFile(two, (await readFile(anchor, 'utf8')) + (await readFile(own, 'utf8')));
    const leaf = join(directory, 'leaf.pem');
    const ending = ['-subj', '/CN=x', '-keyout', join(directory, 'x.key'), '-out', leaf, '-nodes'];
    await openssl(['req', '-x509', '-newkey', 'rsa:2048', '-addext', 'basicConstraints=critical,CA:FALSE', ...ending]);
    const start = (file: string) => ca(['rollover', 'start', '--from-anchor', file, '--yes', '--json']);
    errorObject(await start(own), 'ERR_STATE');
    errorObject(await start(two), 'ERR_USAGE');
    errorObject(await start(leaf), 'ERR_POLICY');
    errorObject(await start(join(directory, 'nowhere.pem')), 'ERR_CONFIG');
  });
});

describe('a new issuing CA under the same root', () => {
  test('names outside become names inside; what was issued goes on', async () => {
    const cluster = WIDER;
    const { ca, out } = cluster;
    expect(await issue(cluster, 'n1')).toBe('issuing-g1.1');
    const shop = ['issue', 'n2', '--plane', 'data', '--dns', 'n2.shop.internal', '--ip', '203.0.113.7', '--json'];
    const refused = errorObject(await ca(shop), 'ERR_POLICY');
    expect(refused.hint).toContain('cluster-ca rollover start --issuing --domain shop.internal');
    const made = await done(ca, [
      ...['rollover', 'start', '--issuing', '--domain', 'shop.internal', '--permit-ip', '203.0.113.0/24', '--yes'],
    ]);
    expect(made).toMatchObject({
      phase: 'stable',
      issuing: {
        id: 'issuing-g1.2',
        subject: 'CN=orders Issuing CA G1.2',
        domains: ['orders.internal', 'shop.internal'],
      },
    });
    const { certificates } = await done<Issued>(ca, shop.slice(0, -1));
    expect(certificates[0]?.authority).toBe('issuing-g1.2');
    await done(ca, ['verify', join(out, 'n1/data/cert.pem')]);
    await done(ca, ['verify', join(out, 'n2/data/cert.pem')]);
    const rotated = await done<Issued>(ca, ['rotate', 'n1']);
    expect(rotated.certificates[0]?.authority).toBe('issuing-g1.2');
    expect(await handedOut(cluster)).toEqual({ anchors: 1, crls: 3 });
    await done(ca, ['revoke', 'n1', '--yes']);
    await whole(cluster);
    await done(ca, ['rollover', 'start', '--yes']);
    await step(cluster, 'prepared', 'distribute', 'issue-new', 'retire');
    expect((await finish(cluster)).destroyed).toEqual(['root-g1', 'issuing-g1.1', 'issuing-g1.2']);
    await whole(cluster);
  });

  test('refused: a domain that is none, during a rollover', async () => {
    const { ca } = NOT_WIDER;
    const start = (...args: string[]) => ca(['rollover', 'start', '--issuing', '--yes', '--json', ...args]);
    errorObject(await start('--domain', 'No Domain'), 'ERR_USAGE');
    errorObject(await start('--permit-ip', '10.0.0.1/8'), 'ERR_USAGE');
    await done(ca, ['rollover', 'start', '--yes']);
    errorObject(await start(), 'ERR_STATE');
  });
});

describe('the root domain', () => {
  test('elsewhere: its place is asked for where it is needed, and gets the new root; the last step rewraps it', async () => {
    const { ca } = APART;
    const medium = MEDIUM;
    errorObject(await ca(['rollover', 'start', '--yes', '--json']), 'ERR_INPUT_REQUIRED');
    await done(ca, ['rollover', 'start', '--root-keystore', medium, '--yes']);
    expect(await readdir(join(medium, 'sealed'))).toHaveLength(2);
    expect(
      (await done<{ findings: unknown[] }>(ca, ['keystore', 'check', '--root-keystore', medium])).findings,
    ).toEqual([]);
  });

  test('a second slot, whose secret is not given, keeps its master key: it says which', async () => {
    const cluster = SLOTTED;
    const { ca, directory } = cluster;
    const second = join(directory, 'second.key');
    await done(ca, ['keystore', 'slot', 'add', 'safe', '--domain', 'root', '--new-key-file', second]);
    await chmod(second, 0o600);
    await done(ca, ['rollover', 'start', '--yes']);
    await step(cluster, 'prepared', 'distribute', 'issue-new', 'retire');
    expect(await finish(cluster)).toMatchObject({ rewrapped: false, slots: ['safe'] });
    await whole(cluster);
  });
});
