import { expect, test } from '@jest/globals';
import { anchorAlert } from '../../src/alerts/anchors.ts';

const DAY = 86_400_000;
const T0 = Date.UTC(2026, 0, 1);
const anchor = (days: number) => ({
  subject: 'CN=monitoring',
  fingerprint: 'ab'.repeat(32),
  notBefore: T0,
  notAfter: T0 + days * DAY - 1000,
});
const severity = (days: number, at: number): string | undefined => anchorAlert(anchor(days), T0 + at * DAY)?.severity;

test('a warning with less than 30 days left, critical from the end on', () => {
  expect(severity(365, 334)).toBeUndefined();
  expect(severity(365, 336)).toBe('warning');
  expect(severity(365, 365)).toBe('critical');
  expect(severity(365, 900)).toBe('critical');
});

test('of one that lives for less than 60 days: with less than a tenth left', () => {
  expect(severity(10, 8.9)).toBeUndefined();
  expect(severity(10, 9.1)).toBe('warning');
});

test('it names the anchor, and what to do', () => {
  const warning = anchorAlert(anchor(365), T0 + 340 * DAY);
  expect(warning).toMatchObject({
    name: 'trust_anchor_about_to_expire',
    subject: `anchor ${'ab'.repeat(8)}`,
    message: expect.stringContaining('CN=monitoring'),
    hint: expect.stringContaining('cluster-ca trust add'),
  });
  expect(anchorAlert(anchor(365), T0 + 366 * DAY)?.hint).toBe(`cluster-ca trust remove ${'ab'.repeat(8)}`);
});
