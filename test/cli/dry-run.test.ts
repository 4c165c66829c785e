import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { document, done, expectExit } from './checks.ts';
import { tree } from './tree.ts';

// Rule 7, for every command that changes something: the same document with `dryRun`, no serials of what would be made,
// no secret where something can be said without one, and not a byte changed anywhere.
const cluster = await newCluster();
const { ca, directory, out } = cluster;
const { CLUSTER_CA_KEY_FILE: _, ...secretless } = cluster.env;

await done(ca, ['issue', 'n1', 'n2']);
await done(ca, ['request', 'n3', '--out', join(directory, 'requests')]);
await done(ca, ['keystore', 'slot', 'add', 'second', '--new-key-file', join(directory, 'second.key')]);
await writeFile(join(directory, 'fleet.yaml'), 'cluster: orders\nnodes: { n1: { }, n4: { } }\n');
await rm(join(out, 'n2/data/cert.pem'));

const COMMANDS: [args: string[], fields: string[]][] = [
  [
    ['issue', 'n4'],
    ['certificates', 'unchanged', 'failed'],
  ],
  [
    ['issue', 'n1'],
    ['certificates', 'unchanged', 'failed'],
  ],
  [
    ['issue', 'n2'],
    ['certificates', 'unchanged', 'failed'],
  ],
  [['issue', 'n1', '--force-new', '--revoke-previous', 'superseded'], ['certificates']],
  [['issue', '--client', 'app'], ['certificates']],
  [
    ['issue', '--inventory', '../fleet.yaml'],
    ['certificates', 'unchanged'],
  ],
  [['issue', '--csr-dir', '../requests'], ['certificates']],
  [['issue', 'n5', '--plane', 'data', '--csr', '../requests/n3/data/request.pem'], ['certificates']],
  [['issue', 'n6', '--request-id', 'one'], ['certificates']],
  [['request', 'n7'], ['files']],
  [['rotate', 'n1'], ['certificates']],
  [['rotate', '--all'], ['certificates']],
  [['rotate', '--due'], ['certificates']],
  [
    ['revoke', 'n1'],
    ['revoked', 'crls'],
  ],
  [['crl', '--renew'], ['crls']],
  [['export', 'n1', '--plane', 'data', '--out', 'chain.pem'], ['files']],
  [['keystore', 'backup', '--out', '../backup'], ['files']],
  [['keystore', 'slot', 'add', 'third', '--new-key-file', join(directory, 'third.key')], []],
  [['keystore', 'slot', 'remove', 'second'], []],
  [
    ['rollover', 'start'],
    ['phase', 'old', 'services', 'steps'],
  ],
  [
    ['rollover', 'start', '--issuing', '--domain', 'shop.internal'],
    ['phase', 'issuing', 'steps'],
  ],
];

describe.each(COMMANDS.map(([args, fields]) => [args.join(' '), args, fields] as const))('%s', (_, args, fields) => {
  test.each(['--dry-run', '-n'])('%s', async (flag) => {
    const before = await tree(directory);
    const run = await warmCli([...args, flag, '--json'], { cwd: out, env: secretless });
    expectExit(run, 0);
    expect(run.stderr).toBe('');
    const plan = document<Record<string, unknown>>(run);
    expect(plan.dryRun).toBe(true);
    for (const field of fields) expect(Object.keys(plan)).toContain(field);
    for (const made of (plan.certificates ?? []) as object[]) expect(made).not.toHaveProperty('serial');
    expect(await tree(directory)).toEqual(before);
  });
});

test('keystore passphrase wants its secrets, and changes nothing', async () => {
  const keystore = join(directory, 'by-passphrase');
  const run = (args: string[], descriptors: string[]) =>
    warmCli([...args, '--json'], { cwd: out, env: { ...secretless, CLUSTER_CA_KEYSTORE: keystore }, descriptors });
  expectExit(await run(['init', 'other', '--passphrase-fd', '3'], ['the old passphrase']), 0);
  const before = await tree(directory);
  const args = ['keystore', 'passphrase', '--passphrase-fd', '3', '--new-passphrase-fd', '4', '--dry-run'];
  expectExit(await run(args, ['not the passphrase', 'the new passphrase']), 12);
  const plan = await run(args, ['the old passphrase', 'the new passphrase']);
  expectExit(plan, 0);
  expect(document<{ dryRun: boolean }>(plan).dryRun).toBe(true);
  expect(await tree(directory)).toEqual(before);
});

test('the plan in text is the plan in JSON', async () => {
  const before = await readFile(join(out, 'n1/data/cert.pem'), 'utf8');
  const text = await ca(['rotate', 'n1', '--dry-run']);
  expectExit(text, 0);
  expect(text.stdout).toContain('n1');
  expect(await readFile(join(out, 'n1/data/cert.pem'), 'utf8')).toBe(before);
});
