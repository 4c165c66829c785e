import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, errorObject, verdict } from './checks.ts';
import { contents } from './tree.ts';

// Reading on from the first record finds the edge of a gap, and would take it for the log's end: a revocation behind it is
// gone, and a writer would put another record in the place of the missing one.

const cluster = await newCluster();
const { ca, keystore, out } = cluster;
await done(ca, ['issue', 'n1', '--plane', 'data']);
const lastRecord = async () => Math.max(...(await readdir(join(keystore, 'log/0'))).map(Number));
const revocation = (await lastRecord()) + 1;
await done(ca, ['revoke', 'n1', '--yes']);
await done(ca, ['issue', 'n2', '--plane', 'data']);
const last = await lastRecord();

const READING = [
  ['list'],
  ['status'],
  ['verify', 'node:n1', '--plane', 'data'],
  ['verify', join(out, 'n1/data/cert.pem')],
  ['inspect', 'n1'],
  ['crl'],
  ['export', '--format', 'crl'],
  ['audit', 'export'],
  ['keystore', 'slot', 'list'],
  ['rollover', 'status'],
];
const WRITING = [
  ['issue', 'n3', '--plane', 'data'],
  ['revoke', 'n2', '--yes'],
  ['crl', '--renew'],
  ['keystore', 'backup', '--out', join(out, 'of-a-gap.backup')],
];

test('a record missing in the middle: no verb takes the shorter log for the whole, and none fills the gap', async () => {
  const copy = join(cluster.directory, 'copy');
  await cp(keystore, copy, { recursive: true });
  await rm(join(copy, 'log/0', String(revocation)));
  for (const name of await readdir(join(copy, 'snapshot'))) await rm(join(copy, 'snapshot', name));
  // Nobody's anchor is needed to tell.
  const env = { XDG_STATE_HOME: await cluster.dir('no-state') };
  const files = await contents(copy);
  for (const words of [...READING, ...WRITING]) {
    const result = await ca([...words, '--keystore', copy, '--json'], { env });
    expect([words, errorObject(result, 'ERR_KEYSTORE_TAMPERED').message, result.stdout]).toEqual([
      words,
      `log record ${revocation} is missing, although record ${last} is there`,
      '',
    ]);
  }
  expect(await contents(copy)).toEqual(files);
  await cp(join(keystore, 'log/0', String(revocation)), join(copy, 'log/0', String(revocation)));
  await done(ca, ['keystore', 'check', '--keystore', copy], { env });
  await verdict(ca, ['verify', join(out, 'n1/data/cert.pem'), '--keystore', copy], 'ERR_PATH', { env });
});
