import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails, verdict } from './checks.ts';
import { clock } from './clock.ts';
import type { StatusDocument } from './documents.ts';

// CRLs that last: their alerts are another test's.
const cluster = await newCluster({ init: ['--crl-lifetime', '2y'] });
const { ca } = cluster;
const retired = await newCluster({ name: 'retired' });
const stale = await newCluster({ name: 'stale' });

await done(ca, ['issue', 'n1', '--plane', 'data']);

describe('nothing needs attention', () => {
  test('exit 0', async () => {
    const status = await done<StatusDocument>(ca, ['status']);
    expect(status.attention).toBe(false);
    expect(status.alerts.filter(({ severity }) => severity !== 'info')).toEqual([]);
    expect(status.certificates).toEqual({ valid: 1, due: 0, expired: 0, revoked: 0, superseded: 0 });
    expect(status.authorities).toHaveLength(2);
  });

  test('in text', async () => {
    const result = await ca(['status']);
    expectExit(result, 0);
    expect(result.stdout).not.toBe('');
  });

  test('a due certificate is not yet an alert', async () => {
    const status = await done<StatusDocument>(ca, ['status'], { env: clock('35d') });
    expect([status.attention, status.certificates.due]).toEqual([false, 1]);
  });
});

describe('from warning up: exit 4, the result on stdout and the error on stderr', () => {
  test.each([
    ['below half of life', '47d', 'warning', false],
    ['from 75 %', '69d', 'warning', true],
    ['from 85 %', '78d', 'critical', false],
    ['expired', '92d', 'critical', false],
  ])('%s', async (_, offset, severity, late) => {
    const { error, ...status } = await verdict<StatusDocument>(ca, ['status'], 'ERR_ATTENTION', { env: clock(offset) });
    expect(status.attention).toBe(true);
    const alerts = status.alerts.filter(({ subject, message }) => `${subject} ${message}`.includes('n1'));
    const worst = alerts.find((alert) => alert.severity === severity);
    expect(worst).toMatchObject({ name: expect.any(String), subject: expect.any(String), message: expect.any(String) });
    if (late) expect(alerts.some(({ name }) => name.endsWith('_late'))).toBe(true);
    expect(alerts.some((alert) => alert.severity === 'critical')).toBe(severity === 'critical');
  });

  test('in text', async () => {
    const result = await ca(['status'], { env: clock('47d') });
    expectExit(result, 4);
    expect(result.stdout).toContain('n1');
    expect(result.stderr).toMatch(/^cluster-ca: error: /m);
  });

  test('expired is counted', async () => {
    const { certificates } = await verdict<StatusDocument>(ca, ['status'], 4, { env: clock('92d') });
    expect(certificates).toMatchObject({ valid: 0, expired: 1 });
  });
});

test('an expired CRL is an alert', async () => {
  const { alerts } = await verdict<StatusDocument>(stale.ca, ['status'], 4, { env: clock('40d') });
  expect(alerts.some(({ name, message }) => /crl/i.test(`${name} ${message}`))).toBe(true);
});

test('NODE narrows it', async () => {
  await done(ca, ['issue', 'n2', '--plane', 'data']);
  const one = await done<StatusDocument>(ca, ['status', 'n1']);
  expect(one.certificates.valid).toBe(1);
});

test('--within looks further ahead', async () => {
  const result = await ca(['status', '--within', '200d', '--json']);
  expect([0, 4]).toContain(result.code);
  const { alerts }: StatusDocument = result.json();
  expect(alerts.some(({ subject, message }) => `${subject} ${message}`.includes('n1'))).toBe(true);
});

test('a node retired by cessationOfOperation gives no more alerts', async () => {
  const { ca: run } = retired;
  await done(run, ['issue', 'old', '--plane', 'data']);
  await done(run, ['revoke', 'old', '--yes', '--reason', 'cessationOfOperation']);
  await done(run, ['crl', '--renew', '--lifetime', '2y']);
  const status = await done<StatusDocument>(run, ['status'], { env: clock('92d') });
  expect(status.alerts.filter(({ subject, message }) => `${subject} ${message}`.includes('old'))).toEqual([]);
});

describe('--format', () => {
  test('json is --json', async () => {
    const result = await ca(['status', '--format', 'json']);
    expectExit(result, 0);
    const document = await done<StatusDocument>(ca, ['status']);
    expect(Object.keys(result.json()).sort()).toEqual(Object.keys(document).sort());
  });

  test('prometheus is its text format', async () => {
    const result = await ca(['status', '--format', 'prometheus']);
    expectExit(result, 0);
    const line = /^(# (HELP|TYPE) .+|[a-z_:][a-z0-9_:]*(\{[^}]*\})? -?[0-9.eE+]+)$/;
    for (const text of result.stdout.trimEnd().split('\n')) expect(text).toMatch(line);
    expect(result.stdout).toMatch(/node="n1"/);
    expect(result.stdout.endsWith('\n')).toBe(true);
  });

  test('another: 2', async () => {
    await fails(ca, ['status', '--format', 'xml'], 2);
  });
});

test('a bad duration: 2', async () => {
  await fails(ca, ['status', '--within', 'soon'], 2);
});
