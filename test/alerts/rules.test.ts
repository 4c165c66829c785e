import { describe, expect, test } from '@jest/globals';
import { reportedDriftAlert } from '../../src/alerts/agents.ts';
import { authorityAlert } from '../../src/alerts/authorities.ts';
import { clockAlert } from '../../src/alerts/clock.ts';
import { crlAlert } from '../../src/alerts/crls.ts';
import { deploymentAlert } from '../../src/alerts/deployments.ts';
import { driftAlert } from '../../src/alerts/drift.ts';
import { nodeCertificateAlert } from '../../src/alerts/node-certificates.ts';
import { rolloverAlert } from '../../src/alerts/rollovers.ts';
import { rotationAlert } from '../../src/alerts/rotations.ts';
import { singleSlotAlert } from '../../src/alerts/slots.ts';
import type { Finding } from '../../src/drift/codes.ts';

const T0 = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

describe("a node's certificate", () => {
  const life = (days: number) => ({
    kind: 'node' as const,
    name: 'n1',
    plane: 'data',
    notBefore: T0,
    notAfter: T0 + days * DAY - 1000,
  });

  // The same proportions for a minute and a year.
  test.each([90, 1 / 1440, 365])('of %p days', (days) => {
    const at = (elapsed: number) => {
      const alert = nodeCertificateAlert(life(days), 0.5, T0 + elapsed * days * DAY);
      return alert === undefined ? undefined : `${alert.severity} ${alert.name}`;
    };
    expect(at(0.49)).toBeUndefined();
    expect(at(0.51)).toBe('warning node_internal_certs_about_to_expire');
    expect(at(0.76)).toBe('warning node_internal_certs_about_to_expire_late');
    expect(at(0.86)).toBe('critical node_internal_certs_about_to_expire_late');
    expect(at(1.5)).toBe('critical node_internal_certs_about_to_expire_late');
  });
});

test('a CA: half its life, then 180 days and two node lifetimes, then the end', () => {
  const authority = { id: 'issuing-g1.1', role: 'issuing' as const, subject: 'I', notBefore: T0 };
  const at = (days: number) =>
    authorityAlert({ ...authority, notAfter: T0 + 1825 * DAY - 1000 }, 90 * DAY, T0 + days * DAY)?.severity;
  expect([at(900), at(913), at(1464), at(1466), at(1825)]).toEqual([undefined, 'info', 'info', 'warning', 'critical']);
});

test('a CRL near its nextUpdate, and past it', () => {
  const crl = { authority: 'issuing-g1.1', role: 'issuing' as const, thisUpdate: T0, nextUpdate: T0 + 30 * DAY };
  expect(crlAlert(crl, T0 + 22 * DAY)).toBeUndefined();
  expect(crlAlert(crl, T0 + 23 * DAY)).toMatchObject({ severity: 'warning', hint: 'cluster-ca crl --renew' });
  expect(crlAlert(crl, T0 + 30 * DAY)).toMatchObject({ severity: 'critical' });
});

test('a service that is pending or failed', () => {
  const open = { name: 'n1', plane: 'data', service: 'redis 127.0.0.1:7001', since: T0 };
  expect(deploymentAlert({ ...open, state: 'pending' })).toMatchObject({ name: 'node_deployment_pending' });
  expect(deploymentAlert({ ...open, plane: '', state: 'failed' })).toMatchObject({
    name: 'node_deployment_failed',
    subject: 'client n1',
    hint: 'cluster-ca deploy n1 --inventory FILE',
  });
});

test('drift: the severity of the finding, a subject for each; what was not seen is none', () => {
  const finding: Finding = {
    node: 'n1',
    plane: 'data',
    service: 'redis 127.0.0.1:7001',
    code: 'stale-process',
    severity: 'critical',
    message: 'it serves another certificate',
    hint: 'restart it',
    where: 'cluster.yaml:1:1',
  };
  expect(driftAlert(finding, T0)).toEqual({
    name: 'node_drift',
    severity: 'critical',
    subject: 'n1/data stale-process redis 127.0.0.1:7001',
    message: 'redis 127.0.0.1:7001: it serves another certificate',
    hint: 'cluster-ca verify --inventory FILE n1',
    since: '2026-01-01T00:00:00Z',
  });
  expect(driftAlert({ ...finding, severity: 'info', code: 'not-seen' }, T0)).toBeUndefined();
  expect(reportedDriftAlert(finding, T0)?.hint).toBe('on n1: journalctl -u cluster-ca-agent');
  expect(reportedDriftAlert({ ...finding, code: 'disk-differs' }, T0)?.hint).toContain('rotate {"nodes":["n1"]}');
});

test('a rotation that fails: a warning, and critical when the certificate has ended', () => {
  const failed = { name: 'n1', plane: 'data', since: T0, error: 'it does not answer', notAfter: T0 + DAY };
  expect(rotationAlert({ ...failed, failures: 1 }, T0)).toMatchObject({
    name: 'node_rotation_failed',
    severity: 'warning',
    message: 'its rotation has failed once: it does not answer',
    hint: 'cluster-ca rotate n1 --plane data --deploy --inventory FILE',
  });
  expect(rotationAlert({ ...failed, failures: 3 }, T0 + DAY + 1000)).toMatchObject({
    severity: 'critical',
    message: 'its rotation has failed 3 times in a row: it does not answer',
  });
});

test('a single slot, and a clock that is behind or ahead', () => {
  expect(singleSlotAlert('daily', ['2026-01-01T00:00:00.000Z'])).toMatchObject({ severity: 'info' });
  expect(singleSlotAlert('daily', ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'])).toBeUndefined();
  expect(clockAlert({ behind: 10 * 60_000 }, T0, T0 - 10 * 60_000)).toMatchObject({
    name: 'clock_behind',
    severity: 'warning',
  });
  expect(clockAlert({ ahead: 41 * DAY }, T0, T0 + 41 * DAY)).toMatchObject({
    name: 'clock_ahead',
    severity: 'info',
    message: "this clock is 41 days beyond the keystore's last record of 2026-01-01T00:00:00Z",
  });
});

test('a rollover that is blocked: who and what helps, once nobody is at it any more', () => {
  const standing = {
    phase: 'distribute',
    since: T0,
    lookedAt: T0 + 5_000,
    deadline: undefined,
    blocking: ['n1', 'app'],
    blockers: [{ reason: 'n1 does not trust the new root', hint: 'cluster-ca rollover advance' }],
  };
  expect(rolloverAlert(standing, T0 + 120_000)).toEqual({
    name: 'rollover_blocked',
    severity: 'warning',
    subject: 'rollover',
    message: 'it is blocked in distribute by n1, app: n1 does not trust the new root',
    hint: 'cluster-ca rollover advance',
    since: '2026-01-01T00:00:00Z',
  });
  // Looked at a moment ago, never in this phase, or blocked by nobody.
  expect(rolloverAlert(standing, T0 + 60_000)).toBeUndefined();
  for (const lookedAt of [undefined, T0 - 1])
    expect(rolloverAlert({ ...standing, lookedAt }, T0 + 120_000)).toBeUndefined();
  expect(rolloverAlert({ ...standing, blocking: [], blockers: [] }, T0 + 120_000)).toBeUndefined();
  const emergency = { ...standing, deadline: 40_000 };
  expect(rolloverAlert(emergency, T0 + 10_000)).toBeUndefined();
  expect(rolloverAlert(emergency, T0 + 20_000)?.severity).toBe('warning');
  expect(rolloverAlert(emergency, T0 + 40_000)?.severity).toBe('critical');
});
