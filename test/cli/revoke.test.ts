import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { CLUSTER_CA, cli } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails, words } from './checks.ts';
import type { CrlDocument, IssueDocument, ListDocument, RevokeDocument } from './documents.ts';
import { tree } from './tree.ts';
import { makeCertificate, openssl } from './x509.ts';

const cluster = await newCluster();
const { ca, out } = cluster;
const issuing = cluster.made.authorities.find((authority) => authority.role === 'issuing');

const issue = async (...args: string[]): Promise<IssueDocument['certificates']> =>
  (await done<IssueDocument>(ca, ['issue', ...args])).certificates;
const revoke = (...args: string[]): Promise<RevokeDocument> => done<RevokeDocument>(ca, ['revoke', '--yes', ...args]);

/** `openssl crl -text` of the issuing CA's current CRL. */
async function crlText(): Promise<string> {
  const { crls } = await done<CrlDocument>(ca, ['crl', '--authority', issuing?.id ?? '']);
  return openssl(['crl', '-noout', '-text'], crls[0]?.pem);
}

/** What the CRL says of one serial; undefined when it is not in it. */
async function entry(serial: string): Promise<string | undefined> {
  const [, ...entries] = (await crlText()).split(/\n\s+Serial Number: /);
  return entries.find((found) => found.toLowerCase().startsWith(serial));
}

describe('by NODE', () => {
  test('every unexpired certificate ever issued to it, superseded ones too', async () => {
    const old = await issue('n1');
    const current = await issue('n1', '--force-new');
    const { revoked, crls } = await revoke('n1');
    const serials = [...old, ...current].map(({ serial }) => serial).sort();
    expect(revoked.map(({ serial }) => serial).sort()).toEqual(serials);
    for (const certificate of revoked)
      expect(certificate).toMatchObject({ node: 'n1', status: 'revoked', revokedAt: expect.stringMatching(/Z$/) });
    expect(crls).toHaveLength(1);
    expect(crls[0]).toMatchObject({
      authority: issuing?.id,
      number: expect.stringMatching(/^[1-9]\d+$/),
      thisUpdate: expect.stringMatching(/Z$/),
      nextUpdate: expect.stringMatching(/Z$/),
    });
    for (const serial of serials) expect(await entry(serial)).toBeDefined();
  });

  test('--plane: that one only', async () => {
    await issue('n2');
    const { revoked } = await revoke('n2', '--plane', 'data');
    expect(revoked.map(({ plane }) => plane)).toEqual(['data']);
    const { certificates } = await done<ListDocument>(ca, ['list', '--node', 'n2']);
    expect(certificates.map(({ plane, status }) => `${plane} ${status}`).sort()).toEqual([
      'control valid',
      'data revoked',
    ]);
  });

  test('again: 0, and the CRL keeps its entry once', async () => {
    await revoke('n1');
    const { certificates } = await done<ListDocument>(ca, ['list', '--all', '--node', 'n1']);
    const text = (await crlText()).toLowerCase();
    for (const { serial } of certificates) expect(text.split(serial)).toHaveLength(2);
  });

  test('a later issue gives it a new one', async () => {
    const [made] = await issue('n1', '--plane', 'data');
    expect(await entry(made?.serial ?? '')).toBeUndefined();
    expect((await done<IssueDocument>(ca, ['rotate', 'n1', '--plane', 'data'])).certificates).toHaveLength(1);
  });

  test('what is issued to it while the passphrase is asked for goes as well', async () => {
    const passphrase = join(cluster.directory, 'passphrase');
    await writeFile(passphrase, 'a passphrase of a test\n', { mode: 0o600 });
    await done(ca, ['keystore', 'slot', 'add', 'people', '--new-passphrase-file', passphrase]);
    await issue('n3', '--plane', 'data');
    // Whoever asks for the passphrase issues first, in a process of its own, on two planes.
    const { CLUSTER_CA_KEY_FILE: keyFile = '', ...env } = cluster.env;
    const script = join(cluster.directory, 'asked');
    const command = `'${process.execPath}' '${CLUSTER_CA}' issue n3 --force-new --key-file '${keyFile}' --out '${out}'`;
    await writeFile(script, `#!/bin/sh\n${command} >&2 && cat '${passphrase}'\n`, { mode: 0o700 });
    const result = await cli(['revoke', 'n3', '--yes', '--json', '--passphrase-command', script], { cwd: out, env });
    expectExit(result, 0);
    expect((result.json() as RevokeDocument).revoked).toHaveLength(3);
    const { certificates } = await done<ListDocument>(ca, ['list', '--all', '--node', 'n3']);
    expect(certificates.map(({ status }) => status)).toEqual(['revoked', 'revoked', 'revoked']);
  });

  test('a name that is not known: 6', async () => {
    expect(words(await fails(ca, ['revoke', 'nobody', '--yes'], 'ERR_NOT_FOUND'))).toContain('nobody');
  });
});

describe('by serial', () => {
  test.each([
    ['as printed', (serial: string) => serial],
    ['with colons', (serial: string) => serial.replaceAll(/(..)(?!$)/g, '$1:')],
    ['upper case', (serial: string) => serial.toUpperCase()],
    ['leading zeros', (serial: string) => `0000${serial}`],
    ['serial:', (serial: string) => `serial:${serial}`],
  ])('%s: that certificate only', async (form, write) => {
    const node = `s-${form.replaceAll(/[^a-z]/g, '')}`;
    const [one] = await issue(node);
    const { revoked } = await revoke(write(one?.serial ?? ''));
    expect(revoked.map(({ serial }) => serial)).toEqual([one?.serial]);
  });

  test('one that is not known: 6', async () => {
    await fails(ca, ['revoke', '4a'.repeat(20), '--yes'], 6);
  });
});

describe('by FILE', () => {
  test.each([
    ['a path', (node: string) => join(out, node, 'data/cert.pem')],
    ['a relative path', (node: string) => `./${node}/data/cert.pem`],
    ['file:', (node: string) => `file:${node}/data/cert.pem`],
  ])('%s: the first certificate of it', async (form, write) => {
    const node = `f-${form.replaceAll(/[^a-z]/g, '')}`;
    const made = await issue(node);
    const { revoked } = await revoke(write(node));
    expect(revoked.map(({ serial }) => serial)).toEqual([made.find(({ plane }) => plane === 'data')?.serial]);
  });

  test('DER', async () => {
    await issue('f-der', '--plane', 'data');
    await openssl(['x509', '-in', join(out, 'f-der/data/cert.pem'), '-outform', 'DER', '-out', join(out, 'f.der')]);
    expect((await revoke('./f.der')).revoked).toHaveLength(1);
  });

  test('of another CA: refused', async () => {
    const foreign = await makeCertificate(join(cluster.directory, 'foreign'));
    const result = await ca(['revoke', foreign, '--yes', '--json']);
    expect([5, 6]).toContain(result.code);
    expect(result.stdout).toBe('');
  });

  test('absent: 2, no certificate: 2', async () => {
    await fails(ca, ['revoke', './absent.pem', '--yes'], 2);
    await writeFile(join(out, 'words.txt'), 'hello');
    await fails(ca, ['revoke', './words.txt', '--yes'], 2);
  });
});

test('two readings: 2, naming both', async () => {
  await issue('both', '--plane', 'data');
  const cwd = await cluster.dir('readings');
  await writeFile(join(cwd, 'both'), await readFile(join(out, 'both/data/cert.pem')));
  const error = await fails(ca, ['revoke', 'both', '--yes'], 'ERR_USAGE', { cwd });
  expect(words(error)).toContain('file:both');
  expect(words(error)).toContain('node:both');
  await done(ca, ['revoke', 'node:both', '--yes', '--dry-run'], { cwd });
  await done(ca, ['revoke', 'file:both', '--yes', '--dry-run'], { cwd });
});

test('a directory of that name is no reading', async () => {
  await issue('plain', '--plane', 'data');
  expect((await revoke('plain')).revoked).toHaveLength(1);
});

describe('--reason', () => {
  test.each([
    ['keyCompromise', /Key Compromise/],
    ['affiliationChanged', /Affiliation Changed/],
    ['superseded', /Superseded/],
    ['cessationOfOperation', /Cessation Of Operation/],
    ['privilegeWithdrawn', /Privilege Withdrawn/],
  ])('%s', async (reason, expected) => {
    const [made] = await issue(`r-${reason.toLowerCase()}`, '--plane', 'data');
    const { revoked } = await revoke(`r-${reason.toLowerCase()}`, '--reason', reason);
    expect(revoked[0]?.revocationReason).toBe(reason);
    expect(await entry(made?.serial ?? '')).toMatch(expected);
  });

  test('unspecified, the default, is left out of the CRL', async () => {
    const [made] = await issue('r-none', '--plane', 'data');
    await revoke('r-none');
    expect(await entry(made?.serial ?? '')).not.toMatch(/Reason|Unspecified/);
  });

  test.each(['boredom', 'KeyCompromise', '1', 'removeFromCRL', ''])('%j: 2', async (reason) => {
    await fails(ca, ['revoke', 'r-none', '--yes', '--reason', reason], 2);
  });
});

describe('--invalidity-date', () => {
  test.each([
    ['2026-01-02', 'Jan  2 00:00:00 2026 GMT'],
    ['2026-01-02T03:04:05Z', 'Jan  2 03:04:05 2026 GMT'],
    ['2026-01-02T03:04:05.678+02:00', 'Jan  2 01:04:05 2026 GMT'],
  ])('%s', async (date, expected) => {
    const node = `i-${date.toLowerCase().replaceAll(/[^a-z0-9]/g, '')}`;
    const [made] = await issue(node, '--plane', 'data');
    await revoke(node, '--reason', 'keyCompromise', '--invalidity-date', date);
    const said = await entry(made?.serial ?? '');
    expect(said).toContain('Invalidity Date');
    expect(said).toContain(expected);
  });

  test.each(['yesterday', '2026-13-01', '2026-01-02T03:04:05', ''])('%j: 2', async (date) => {
    await fails(ca, ['revoke', 'r-none', '--yes', '--invalidity-date', date], 2);
  });
});

describe('the question', () => {
  beforeAll(() => issue('asked'));

  test('cannot be asked without a terminal: 2, naming --yes', async () => {
    expect(words(await fails(ca, ['revoke', 'asked'], 'ERR_INPUT_REQUIRED'))).toContain('--yes');
    expect(words(await fails(ca, ['revoke', 'asked', '--no-input'], 'ERR_INPUT_REQUIRED'))).toContain('--yes');
    await fails(ca, ['revoke', 'asked'], 'ERR_INPUT_REQUIRED', { input: 'y\n' });
  });

  test('--dry-run needs neither an answer nor a secret, and changes not a byte', async () => {
    const before = await tree(cluster.keystore);
    const env = { CLUSTER_CA_KEY_FILE: '/nonexistent/key' };
    const plan = await done<RevokeDocument>(ca, ['revoke', 'asked', '--dry-run'], { env });
    expect(plan.dryRun).toBe(true);
    expect(plan.revoked.map(({ plane }) => plane).sort()).toEqual(['control', 'data']);
    expect(await tree(cluster.keystore)).toEqual(before);
  });

  test('nothing was revoked by it', async () => {
    const { certificates } = await done<ListDocument>(ca, ['list', '--node', 'asked']);
    expect(certificates.map(({ status }) => status)).toEqual(['valid', 'valid']);
  });
});

test('in text it says what was revoked', async () => {
  const [made] = await issue('text-1', '--plane', 'data');
  const result = await ca(['revoke', 'text-1', '--yes']);
  expectExit(result, 0);
  expect(result.stdout).toContain('text-1');
  expect((await crlText()).toLowerCase()).toContain(made?.serial);
});

test.each([
  ['no WHAT', []],
  ['two', ['a', 'b']],
  ['an option of another issue', ['n1', '--cut-off']],
  ['an unknown plane', ['n1', '--plane', 'backup']],
])('%s: 2', async (_, args) => {
  await fails(ca, ['revoke', '--yes', ...args], 2);
});
