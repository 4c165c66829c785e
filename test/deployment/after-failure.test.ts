import { expect, test } from '@jest/globals';
import { type Failures, notReached } from '../../src/deployment/after-failure.ts';
import type { Unit } from '../../src/deployment/unit.ts';

// Behind a node that has failed: who is still given what all are to have.

const unit = (trust: string, certificate: string): Pick<Unit, 'services'> =>
  ({ services: [{ abilities: { trust, certificate } }] }) as unknown as Pick<Unit, 'services'>;
const redis = unit('reload', 'reload');
const etcd = unit('restart', 'handshake');
const sentinel = unit('restart', 'restart');
const why = (to: Pick<Unit, 'services'>, found: Partial<Failures>, atOnce: number, what?: 'trust' | 'certificate') =>
  notReached(to, { failed: [], lost: [], ...found }, atOnce, what)?.message;

test('nothing has failed: all are reached', () => {
  for (const what of [undefined, 'trust', 'certificate'] as const) expect(why(sentinel, {}, 1, what)).toBeUndefined();
});

test('where the order matters a wave in which something failed is the last', () => {
  expect(why(redis, { failed: ['n1'] }, 5)).toBe('not reached: the run stopped when n1 failed');
});

test('where it does not, the others go on, but for those that would be restarted', () => {
  expect(why(redis, { failed: ['n1'] }, 1, 'trust')).toBeUndefined();
  expect(why(etcd, { failed: ['n1'] }, 1, 'certificate')).toBeUndefined();
  const beside = 'not reached: n1 failed, and it would have to be restarted beside that';
  expect(why(etcd, { failed: ['n1'] }, 1, 'trust')).toBe(beside);
  expect(why(sentinel, { failed: ['n1'] }, 1, 'certificate')).toBe(beside);
});

test('more than may be unavailable at once, or one that serves nobody any more: nobody else', () => {
  expect(why(redis, { failed: ['n1', 'n2'] }, 2, 'trust')).toBeUndefined();
  expect(why(redis, { failed: ['n1', 'n2', 'n3'] }, 2, 'trust')).toBe(
    'not reached: n1, n2, n3 failed, more than the 2 that may be unavailable at once',
  );
  expect(why(redis, { failed: ['n1', 'n2'], lost: ['n2'] }, 5, 'trust')).toBe(
    'not reached: n2 failed, and serves nobody any more',
  );
});
