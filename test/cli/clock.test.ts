import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails } from './checks.ts';
import { clock } from './clock.ts';
import type { ListDocument } from './documents.ts';

// A clock that stands behind the log, or far ahead of it.
const cluster = await newCluster();
const far = await newCluster({ name: 'far' });
const { ca } = cluster;
const data = ['--plane', 'data'];

describe('a clock behind the last record', () => {
  test('by minutes: nobody minds', async () => {
    await done(ca, ['issue', 'n1', ...data], { env: clock('4m') });
    await done(ca, ['issue', 'n2', ...data]);
  });

  test('by a day: ERR_CLOCK for what issues', async () => {
    await done(ca, ['issue', 'n3', ...data], { env: clock('1d') });
    for (const args of [
      ['issue', 'n4', ...data],
      ['rotate', 'n1'],
    ]) {
      const error = await fails(ca, args, 'ERR_CLOCK');
      expect(error.hint).toContain('--accept-clock');
    }
    expect((await done<ListDocument>(ca, ['list', '--node', 'n4'])).certificates).toEqual([]);
  });

  test('but not for revoke and crl', async () => {
    await done(ca, ['revoke', 'n1', '--yes']);
    await done(ca, ['crl', '--renew']);
    await done(ca, ['list']);
    await done(ca, ['audit', 'verify']);
  });

  test('--accept-clock is severe: the cluster’s name', async () => {
    await fails(ca, ['issue', 'n4', ...data, '--accept-clock'], 'ERR_INPUT_REQUIRED');
    await fails(ca, ['issue', 'n4', ...data, '--accept-clock', '--yes'], 'ERR_INPUT_REQUIRED');
    // A name that is not the cluster's is wrong usage, or no.
    expect([2, 130]).toContain((await ca(['issue', 'n4', ...data, '--accept-clock', '--confirm', 'other'])).code);
    await done(ca, ['issue', 'n4', ...data, '--accept-clock', '--confirm', 'orders']);
    await done(ca, ['issue', 'n5', ...data]);
    await done(ca, ['audit', 'verify']);
  });
});

test('more than 40 days beyond the last record: a warning in every output', async () => {
  const env = clock('41d');
  for (const args of [['list'], ['crl'], ['audit', 'verify']]) {
    const { warnings } = await done(far.ca, args, { env });
    expect(warnings?.join()).toMatch(/clock|ahead|beyond/);
  }
  const text = await far.ca(['list'], { env });
  expectExit(text, 0);
  expect(text.stderr).toMatch(/^cluster-ca: warning: /m);
  const { warnings } = await done(far.ca, ['list'], { env: clock('39d') });
  expect(warnings?.join() ?? '').not.toMatch(/clock|ahead|beyond/);
});
