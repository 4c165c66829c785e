import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails } from './checks.ts';
import { clock } from './clock.ts';
import type { ListDocument } from './documents.ts';

const cluster = await newCluster();
const { ca } = cluster;

await done(ca, ['issue', 'n1', 'n2']);
await done(ca, ['rotate', 'n1', '--plane', 'data']);
await done(ca, ['issue', 'n3', '--plane', 'data']);
await done(ca, ['revoke', 'n3', '--yes', '--reason', 'keyCompromise']);
await done(ca, ['issue', '--client', 'app']);
await done(ca, ['issue', 'brief', '--plane', 'data', '--lifetime', '10d']);

/** What is listed, as `node/plane status`. */
async function listed(args: string[], offset?: string): Promise<string[]> {
  const options = offset === undefined ? {} : { env: clock(offset) };
  const { certificates } = await done<ListDocument>(ca, ['list', ...args], options);
  return certificates.map(({ node, plane, status }) => `${node}${plane ? `/${plane}` : ''} ${status}`).sort();
}

const CURRENT = [
  'app valid',
  'brief/data valid',
  'n1/control valid',
  'n1/data valid',
  'n2/control valid',
  'n2/data valid',
];

describe('list', () => {
  test('current certificates, and revoked ones not yet expired', async () => {
    expect(await listed([])).toEqual([...CURRENT, 'n3/data revoked'].sort());
  });

  test('--all: the history', async () => {
    expect(await listed(['--all'])).toEqual([...CURRENT, 'n1/data superseded', 'n3/data revoked'].sort());
  });

  test.each([
    [
      ['--node', 'n1'],
      ['n1/control valid', 'n1/data valid'],
    ],
    [
      ['--node', 'n1', '--all'],
      ['n1/control valid', 'n1/data superseded', 'n1/data valid'],
    ],
    [['--node', 'n1', '--plane', 'control'], ['n1/control valid']],
    [['--node', 'app'], ['app valid']],
    [['--node', 'nobody'], []],
    [
      ['--plane', 'control'],
      ['n1/control valid', 'n2/control valid'],
    ],
    [['--status', 'revoked'], ['n3/data revoked']],
    [['--status', 'superseded', '--all'], ['n1/data superseded']],
    [['--status', 'expired'], []],
    [['--expiring', '30d'], ['brief/data valid']],
    [['--expiring', '5d'], []],
  ])('%j', async (args, expected) => {
    expect(await listed(args)).toEqual(expected);
  });

  test('what has expired says so; what was revoked stays revoked', async () => {
    expect(await listed(['--node', 'brief'], '11d')).toEqual(['brief/data expired']);
    expect(await listed(['--node', 'n3', '--all'], '100d')).toEqual(['n3/data revoked']);
    expect(await listed(['--node', 'n3'], '100d')).toEqual([]);
    expect(await listed(['--node', 'n1', '--plane', 'data', '--all'], '100d')).toEqual([
      'n1/data expired',
      'n1/data expired',
    ]);
  });

  test('revokedAt and revocationReason are there when it is revoked, and only then', async () => {
    const { certificates } = await done<ListDocument>(ca, ['list', '--all']);
    for (const { status, revokedAt, revocationReason } of certificates)
      expect([revokedAt !== undefined, revocationReason]).toEqual(
        status === 'revoked' ? [true, 'keyCompromise'] : [false, undefined],
      );
  });

  test('a table in text', async () => {
    const result = await ca(['list']);
    expectExit(result, 0);
    expect(result.stderr).toBe('');
    for (const node of ['n1', 'n2', 'n3', 'app', 'brief'])
      expect(result.stdout).toMatch(new RegExp(`^.*\\b${node}\\b.*$`, 'm'));
    expect(result.stdout).toMatch(/\bn3\b.*revoked/);
  });

  test.each([
    ['an unknown status', ['--status', 'fine']],
    ['an unknown plane', ['--plane', 'backup']],
    ['a bad duration', ['--expiring', 'soon']],
  ])('%s: 2', async (_, args) => {
    await fails(ca, ['list', ...args], 2);
  });
});
