import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Dispatcher } from '../../../src/alerts/sinks/dispatcher.ts';
import { passing, permanent } from '../../../src/alerts/sinks/failure.ts';
import type { Batch, Sink } from '../../../src/alerts/sinks/sink.ts';
import { webhookSink } from '../../../src/alerts/sinks/webhook.ts';
import { scratch } from '../../support/scratch.ts';
import { NOW, transition } from './batch.ts';
import { receiver } from './receiver.ts';

const directory = await scratch('dispatcher');

interface Told {
  failed: [string, string, number][];
  delivered: [string, number][];
}
function dispatcher(sinks: Sink[], deadline = 60_000): Told & { it: Dispatcher } {
  const told: Told = { failed: [], delivered: [] };
  const it = new Dispatcher(sinks, {
    cluster: 'orders',
    now: () => new Date(NOW),
    delivered: (sink, n) => told.delivered.push([sink, n]),
    failed: (sink, error, n) => told.failed.push([sink, error.message, n]),
    deadline,
    firstPause: 5,
  });
  return { ...told, it };
}
function sink(
  name: string,
  send: (batch: Batch, nth: number, signal: AbortSignal) => Promise<void>,
  more: Partial<Sink> = {},
) {
  const batches: Batch[] = [];
  const one: Sink = {
    name,
    minSeverity: 'warning',
    forgets: false,
    patience: 50,
    send(batch, signal) {
      batches.push(batch);
      return send(batch, batches.length, signal);
    },
    ...more,
  };
  return Object.assign(one, { batches });
}
const fine = async (): Promise<void> => {};

test('a receiver that fails twice is told the third time, the same', async () => {
  const secretFile = join(directory, 'secret');
  await writeFile(secretFile, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', { mode: 0o600 });
  const hook = await receiver((response, _, nth) => response.writeHead(nth < 3 ? 503 : 200).end());
  const { it, delivered, failed } = dispatcher([
    webhookSink('hook', { kind: 'webhook', url: hook.url, secretFile }, () => new Date(NOW)),
  ]);
  it.tell([transition()]);
  await it.stop(20_000);
  expect([delivered, failed]).toEqual([[['hook', 1]], []]);
  expect(new Set(hook.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(hook.received).toHaveLength(3);
});

test('one that hangs, and heeds nothing, holds up neither the others nor the caller', async () => {
  const hangs = sink('hangs', () => new Promise(() => {}));
  const other = sink('other', fine);
  const { it, delivered, failed } = dispatcher([hangs, other], 0);
  it.tell([transition()]);
  while (failed.length === 0) await sleep(5);
  expect(delivered).toEqual([['other', 1]]);
  expect(failed).toEqual([['hangs', 'it does not answer in time', 1]]);
  await it.stop(0);
});

test('what fails for good is tried once; what comes after it is told', async () => {
  const picky = sink('picky', async (_, nth) => {
    if (nth === 1) throw permanent('no', 'change it');
  });
  const { it, delivered, failed } = dispatcher([picky]);
  it.tell([transition()]);
  it.tell([transition('resolved')]);
  await it.stop(10_000);
  expect(failed).toEqual([['picky', 'no', 1]]);
  expect(delivered).toEqual([['picky', 1]]);
});

test('what comes while it is busy waits, is bounded, and goes as one', async () => {
  let release = (): void => {};
  const slow = sink('slow', (_, nth) => (nth === 1 ? new Promise((resolve) => (release = resolve)) : fine()), {
    patience: 60_000,
  });
  const { it, failed } = dispatcher([slow]);
  it.tell([transition()]);
  for (let i = 0; i < 300; i++) it.tell(Array.from({ length: 10 }, () => transition('raised', 'warning', `n${i}`)));
  while (slow.batches.length === 0) await sleep(5);
  release();
  await it.stop(10_000);
  expect(slow.batches.map(({ transitions }) => transitions.length)).toEqual([1, 2048]);
  expect(slow.batches[1]?.transitions.at(-1)?.alert.subject).toBe('n299');
  expect(failed.reduce((sum, [, , n]) => sum + n, 0)).toBe(3000 - 2048);
});

test('a sink hears of its severities only; one that forgets is reminded', async () => {
  const [all, bad, am] = [
    sink('all', fine, { minSeverity: 'info' }),
    sink('bad', fine, { minSeverity: 'critical' }),
    sink('am', fine, { forgets: true }),
  ];
  const { it } = dispatcher([all, bad, am]);
  it.remind([transition('repeated')]);
  it.tell([transition('raised', 'info'), transition('raised', 'critical')]);
  await it.stop(10_000);
  const heard = (one: typeof all) =>
    one.batches.flatMap(({ transitions }) => transitions.map(({ alert }) => alert.severity));
  expect([heard(all), heard(bad), heard(am)]).toEqual([['info', 'critical'], ['critical'], ['warning', 'critical']]);
});

test('to stop ends what is tried; nothing is told after it', async () => {
  const never = sink('never', async () => {
    throw passing('no', 'wait');
  });
  const { it, failed } = dispatcher([never]);
  it.tell([transition()]);
  await it.stop(30);
  expect(failed).toEqual([['never', 'no', 1]]);
  const { length } = never.batches;
  it.tell([transition()]);
  await sleep(20);
  expect(never.batches).toHaveLength(length);
});
