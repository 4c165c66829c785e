import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { newCluster, newPlace } from '../support/clusters.ts';
import { done, errorObject } from './checks.ts';

const cluster = await newCluster();
const { ca, directory } = cluster;
const secrets = await newPlace('secrets');
const ROOT_PASS = join(secrets.directory, 'root.pass');
await writeFile(ROOT_PASS, 'a passphrase of the root alone\n');
await chmod(ROOT_PASS, 0o600);
const apart = await newCluster({ init: ['--root-passphrase-file', ROOT_PASS] });

const start = (...words: string[]) => ca(['rollover', 'start', ...words, '--json']);

test('usage: forms exclude each other, and have flags of their own', async () => {
  for (const words of [
    ['--root', '--issuing'],
    ['--issuing', '--from-anchor', 'x.pem'],
    ['--domain', 'shop.internal'],
    ['--permit-ip', '10.0.0.0/8'],
    ['--deadline', '5m'],
    ['--issuing', '--emergency'],
    ['--issuing', '--backup', 'b'],
  ])
    errorObject(await start(...words, '--yes'), 'ERR_USAGE');
});

test('a question that nobody can answer: nothing is done', async () => {
  errorObject(await start(), 'ERR_INPUT_REQUIRED');
  errorObject(await start('--issuing'), 'ERR_INPUT_REQUIRED');
  // An emergency leaves nodes out by itself: it wants the name of the cluster, and --yes is not enough.
  errorObject(await start('--emergency', '--yes'), 'ERR_INPUT_REQUIRED');
  expect(await done(ca, ['rollover', 'status'])).toMatchObject({ phase: 'stable', services: [], blocking: [] });
});

test('--emergency is recorded with its deadline; a backup that is there is not overwritten', async () => {
  const kept = join(directory, 'kept');
  await writeFile(kept, 'something else');
  errorObject(await start('--backup', kept, '--yes'), 'ERR_EXISTS');
  const started = await done(ca, ['rollover', 'start', '--emergency', '--deadline', '2m', '--confirm', 'orders']);
  expect(started).toMatchObject({ phase: 'prepared', emergency: { deadline: 120 } });
  expect(started).toHaveProperty('steps.length');
});

test("the root domain's passphrase is asked for when, and only when, it is needed", async () => {
  const own = ['--root-passphrase-file', ROOT_PASS];
  errorObject(await apart.ca(['rollover', 'start', '--yes', '--json']), 'ERR_PASSPHRASE');
  expect(await done(apart.ca, ['rollover', 'start', '--dry-run'])).toMatchObject({ dryRun: true });
  expect(await done(apart.ca, ['rollover', 'start', '--yes', ...own])).toMatchObject({ phase: 'prepared' });
  // The way back destroys a key of the root domain, and opens none.
  const inventory = join(apart.directory, 'cluster.yaml');
  await writeFile(inventory, 'cluster: orders\nnodes: {}\n');
  const back = ['rollover', 'rollback', '--inventory', inventory, '--yes'];
  expect(await done(apart.ca, back)).toMatchObject({ phase: 'stable', next: 'cluster-ca rollover start' });
  await done(apart.ca, ['rollover', 'start', '--yes', ...own]);
  for (const phase of ['distribute', 'issue-new', 'retire'])
    expect(await done(apart.ca, ['rollover', 'advance', '--inventory', inventory, '--yes'])).toMatchObject({ phase });
  errorObject(await apart.ca(['rollover', 'advance', '--inventory', inventory, '--yes', '--json']), 'ERR_PASSPHRASE');
  expect(await done(apart.ca, ['rollover', 'advance', '--inventory', inventory, '--yes', ...own])).toMatchObject({
    phase: 'done',
    next: expect.stringContaining('cluster-ca verify'),
  });
});
