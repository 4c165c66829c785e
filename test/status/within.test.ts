import { describe, expect, test } from '@jest/globals';
import { done, fails, verdict } from '../cli/checks.ts';
import { clock } from '../cli/clock.ts';
import type { StatusDocument } from '../cli/documents.ts';
import { newCluster } from '../support/clusters.ts';

const { ca } = await newCluster();
await done(ca, ['issue', 'n1', '--plane', 'data']);
await done(ca, ['issue', 'short', '--plane', 'data', '--lifetime', '10d']);
await done(ca, ['issue', '--client', 'app']);

const quiet = (...args: string[]) => done<StatusDocument>(ca, ['status', ...args]);
const loud = (...args: string[]) => verdict<StatusDocument>(ca, ['status', ...args], 'ERR_ATTENTION');
const found = ({ alerts }: StatusDocument) =>
  alerts.filter(({ severity }) => severity !== 'info').map(({ subject, name }) => `${subject} ${name}`);

describe('--within', () => {
  test('what ends, and what comes due', async () => {
    expect(found(await loud('--within', '12d'))).toEqual(['short/data ends_within']);
    expect(found(await loud('--within', '5d'))).toEqual(['short/data due_within']);
    expect(found(await quiet('--within', '1d'))).toEqual([]);
    expect(found(await loud('--within', '40d'))).toEqual([
      'client app due_within',
      'n1/data due_within',
      'short/data ends_within',
    ]);
  });

  test('CAs too', async () => {
    expect(found(await loud('--within', '6y'))).toContain('issuing-g1.1 ends_within');
    expect(found(await loud('--within', '6y'))).not.toContain('root-g1 ends_within');
  });

  test('of these nodes only', async () => {
    expect(found(await quiet('--within', '12d', 'n1'))).toEqual([]);
    expect(found(await loud('--within', '12d', 'n1', 'short'))).toEqual(['short/data ends_within']);
    expect(found(await loud('--within', '12d', 'node:short'))).toEqual(['short/data ends_within']);
  });

  test('an alert by the ordinary rule is said once', async () => {
    const document = await verdict<StatusDocument>(ca, ['status', '--within', '30d', 'short'], 4, { env: clock('9d') });
    expect(found(document)).toEqual(['short/data node_internal_certs_about_to_expire_late']);
  });
});

describe('NODE', () => {
  test('counts and alerts are of it alone', async () => {
    const document = await quiet('n1');
    expect(document.certificates).toEqual({ valid: 1, due: 0, expired: 0, revoked: 0, superseded: 0 });
    expect(document.alerts).toEqual([]);
  });

  test('one that is not known: 6', async () => {
    await fails(ca, ['status', 'n9'], 'ERR_NOT_FOUND');
  });
});
