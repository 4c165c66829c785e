import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crlAlert } from '../../src/alerts/crls.ts';
import { nodeCertificateAlert } from '../../src/alerts/node-certificates.ts';
import { checkOutage } from '../../src/init/outage.ts';
import { makePolicy } from '../../src/init/policy.ts';
import type { PolicyOptions } from '../../src/init/policy-options.ts';
import { dueAt } from '../../src/keystore/certificates/due.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
const T0 = Date.parse('2026-01-01T00:00:00Z');
const policyFor = (tolerateCaOutage: number, more: PolicyOptions = {}) =>
  makePolicy('orders', { ...more, tolerateCaOutage });

test('48 hours: certificates of 16 days, due at two thirds, and it says why', () => {
  const policy = policyFor(2 * DAY);
  expect(policy).toMatchObject({
    nodeLifetime: 16 * DAY,
    rotateBefore: 256 * HOUR,
    alertBefore: 8 * DAY,
    crlLifetime: 30 * DAY,
  });
  const { tolerated, why } = checkOutage(2 * DAY, policy);
  expect(tolerated).toBe(64 * HOUR);
  expect(why).toEqual([
    'a certificate of 16d is due when 256h are left: after 2d without the CA 208h are',
    'nothing warns of it before 8d are left, which leaves 16h to catch up in',
    'a CRL of 30d is renewed when half is left and told of when a quarter is: 180h lie between',
  ]);
});

test('by the very rules of due and of the alerts: whenever the CA goes, nothing warns until it is back and has caught up', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 60, max: 40 * DAY }),
      fc.option(fc.integer({ min: 3, max: 40 }), { nil: undefined }),
      fc.string(),
      (outage, lives, name) => {
        const policy = policyFor(outage, lives === undefined ? {} : { nodeLifetime: lives * outage });
        const holder = { kind: 'node' as const, name, plane: 'data' };
        const notAfter = T0 + policy.nodeLifetime * 1000 - 1000;
        const back = dueAt(policy, holder, T0, notAfter) + outage * 1000;
        const ratio = policy.alertBefore / policy.nodeLifetime;
        expect(nodeCertificateAlert({ ...holder, notBefore: T0, notAfter }, ratio, back)).toBeUndefined();
        const crl = { authority: 'a', role: 'issuing' as const, thisUpdate: T0 };
        const crlBack = T0 + (policy.crlLifetime / 2 + outage) * 1000;
        expect(crlAlert({ ...crl, nextUpdate: T0 + policy.crlLifetime * 1000 }, crlBack)).toBeUndefined();
        expect(checkOutage(outage, policy).tolerated).toBeGreaterThanOrEqual(outage);
      },
    ),
  );
});

test('what is given is kept, and the rest is found around it', () => {
  expect(policyFor(2 * DAY, { nodeLifetime: 90 * DAY })).toMatchObject({
    nodeLifetime: 90 * DAY,
    rotateBefore: 60 * DAY,
    alertBefore: 45 * DAY,
  });
  expect(policyFor(2 * DAY, { rotateBefore: 20 * DAY })).toMatchObject({
    nodeLifetime: 30 * DAY,
    rotateBefore: 20 * DAY,
  });
  expect(policyFor(2 * DAY, { nodeLifetime: 90 * DAY, rotateBefore: 46 * DAY }).alertBefore).toBe(1040 * HOUR);
  expect(policyFor(10 * DAY).crlLifetime).toBeGreaterThan(30 * DAY);
});

test.each<[string, PolicyOptions]>([
  ['a life too short for it', { nodeLifetime: 3 * DAY }],
  ['due too late', { nodeLifetime: 90 * DAY, rotateBefore: 46 * DAY, alertBefore: 45 * DAY }],
  ['an alert too early', { nodeLifetime: 16 * DAY, alertBefore: 14 * DAY }],
  ['CRLs too short', { crlLifetime: 7 * DAY }],
])('%s is usage, with what would do', (_, more) => {
  expect(() => checkOutage(2 * DAY, policyFor(2 * DAY, more))).toThrow(
    expect.objectContaining({
      exitCode: 2,
      message: expect.stringMatching(/^--tolerate-ca-outage 2d is contradicted: /),
      hint: expect.stringMatching(/give --(node|crl)-lifetime \d+[dh] or more$/),
    }),
  );
});
