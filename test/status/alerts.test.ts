import { describe, expect, test } from '@jest/globals';
import { backupAlert } from '../../src/alerts/backups.ts';
import { withinAlert } from '../../src/alerts/within.ts';

const DAY = 86_400_000;
const T0 = Date.UTC(2026, 0, 1);

describe('backups', () => {
  const alert = (days: number, last?: number, since = 3) =>
    backupAlert({ createdAt: T0, last: last === undefined ? undefined : T0 + last * DAY, since }, T0 + days * DAY);

  test('never: for information, after 180 days a warning', () => {
    expect(alert(0)).toMatchObject({ name: 'keystore_never_backed_up', severity: 'info' });
    expect(alert(179)?.severity).toBe('info');
    expect(alert(180)).toMatchObject({ severity: 'warning', since: '2026-06-30T00:00:00Z' });
  });

  test('an old one that misses something: for information', () => {
    expect(alert(400, 399)).toBeUndefined();
    expect(alert(400, 370)).toMatchObject({ name: 'keystore_backup_old', severity: 'info' });
    expect(alert(400, 370)?.message).toMatch(/misses 3 records$/);
    expect(alert(400, 370, 1)?.message).toMatch(/misses 1 record$/);
    expect(alert(400, 10, 0)).toBeUndefined();
  });
});

describe('within', () => {
  const thing = {
    subject: 'n1/data',
    notAfter: T0 + 90 * DAY - 1000,
    dueAt: T0 + 30 * DAY,
    hint: 'cluster-ca rotate n1',
  };
  const alert = (within: number, now = 0) => withinAlert(thing, within * DAY, T0 + now * DAY);

  test('the ends of the window belong to it', () => {
    expect(alert(29.99)).toBeUndefined();
    expect(alert(30)).toMatchObject({
      name: 'due_within',
      message: 'it comes due for rotation on 2026-01-31T00:00:00Z',
    });
    expect(alert(90)).toMatchObject({ name: 'ends_within', severity: 'warning', expiresAt: '2026-03-31T23:59:59Z' });
  });

  test('what is past', () => {
    expect(alert(1, 40)?.message).toMatch(/^it is due for rotation since /);
    expect(alert(1, 91)?.message).toMatch(/^it has ended on /);
  });
});
