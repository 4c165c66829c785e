import { chmod, cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, fails } from './checks.ts';

// Rule 11. Each row commits every fault from its own on, and is told of the first.
const cluster = await newCluster();
const { ca, keystore, directory } = cluster;
const NOWHERE = ['--keystore', join(directory, 'nowhere')];
const POLICY = ['--dns', 'evil.example'];

await cp(keystore, join(directory, 'open'), { recursive: true });
await chmod(join(directory, 'open'), 0o755);
await writeFile(join(directory, 'wrong.key'), Buffer.alloc(32, 1), { mode: 0o600 });
await writeFile(join(directory, 'file'), '');
const OPEN = ['--keystore', join(directory, 'open')];
const UNWRITABLE = ['--out', '/sys/nowhere'];
const WRONG = { env: { CLUSTER_CA_KEY_FILE: join(directory, 'wrong.key') } };
const NONE = { env: { CLUSTER_CA_KEY_FILE: join(directory, 'absent.key') } };

describe('the first fault is the one that is told', () => {
  test.each([
    ['usage', ['n1', '--lifetime', 'soon', ...NOWHERE, ...POLICY], NONE, 2],
    ['usage of a NODE', ['N1', ...NOWHERE, ...POLICY], NONE, 2],
    ['the keystore is not there', ['n1', ...NOWHERE, ...POLICY, ...UNWRITABLE], NONE, 10],
    ['its permissions', ['n1', ...OPEN, ...POLICY, ...UNWRITABLE], NONE, 13],
    ['policy', ['n1', ...POLICY, ...UNWRITABLE], NONE, 5],
    ['policy, with a wrong secret', ['n1', ...POLICY, ...UNWRITABLE], WRONG, 5],
    ['the secret is not given', ['n1', ...UNWRITABLE], NONE, 2],
    ['the secret is wrong', ['n1', ...UNWRITABLE], WRONG, 12],
    ['the place for the files', ['n1', ...UNWRITABLE], {}, 14],
  ])('%s', async (_, args, options, exit) => {
    await fails(ca, ['issue', ...args], exit, options);
  });

  test('a plane that the cluster has not is found before the secret is asked for', async () => {
    await fails(ca, ['issue', 'n1', '--plane', 'backup'], 2, NONE);
  });

  test.each([
    ['rotate of an unknown node', ['rotate', 'nobody'], 6],
    ['revoke of an unknown node', ['revoke', 'nobody', '--yes'], 6],
  ])('%s, before the secret', async (_, args, exit) => {
    const error = await fails(ca, args, exit, NONE);
    expect(error.code).toBe('ERR_NOT_FOUND');
  });

  test('a wrong secret is a wrong secret wherever one is opened', async () => {
    await done(ca, ['issue', 'n1']);
    for (const args of [
      ['issue', 'n2'],
      ['rotate', 'n1'],
      ['revoke', 'n1', '--yes'],
      ['crl', '--renew'],
    ])
      await fails(ca, args, 'ERR_PASSPHRASE', WRONG);
    await fails(ca, ['keystore', 'slot', 'add', 'x', '--new-key-file', join(directory, 'x.key')], 12, WRONG);
  });
});
