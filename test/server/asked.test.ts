import { getEventListeners } from 'node:events';
import { expect, test } from '@jest/globals';
import { replyWhenDone, type Started } from '../../src/server/asked.ts';
import { Jobs } from '../../src/server/jobs.ts';

// How long a request waits for its work, and what is left of it on what lasts as long as the daemon.

/** Work that ends when it is told to. */
function started(): Started & { end: () => void } {
  let end = (): void => {};
  const work = new Promise<void>((resolve) => {
    end = resolve;
  });
  const run = async () => {
    await work;
    return { nodes: [] };
  };
  return { ...new Jobs(() => new Date(0)).add({ by: 'ann', total: 0, run }), end: () => end() };
}

async function reply(asked: Started, prefer: string | undefined, stopping: AbortSignal): Promise<number | undefined> {
  const document = () => ({});
  return (await replyWhenDone(asked, prefer, stopping, () => ({ status: 200, body: {} }), document)).status;
}

const waiting = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

test('whether the work ends, the time is over, or the work fails: nothing of it waits for the daemon’s end', async () => {
  const { signal } = new AbortController();
  const done = started();
  const asked = reply(done, undefined, signal);
  expect(waiting(signal)).toBe(1);
  done.end();
  expect([await asked, waiting(signal)]).toEqual([200, 0]);
  expect([await reply(started(), 'respond-async', signal), waiting(signal)]).toEqual([202, 0]);
  const failed = { ...started(), ended: Promise.reject(new Error('of the work')) };
  await expect(reply(failed, undefined, signal)).rejects.toThrow('of the work');
  expect(waiting(signal)).toBe(0);
});

test('when the daemon stops nobody is kept waiting, and nobody begins to wait', async () => {
  const stopping = new AbortController();
  const asked = [reply(started(), undefined, stopping.signal), reply(started(), 'wait=900', stopping.signal)];
  stopping.abort();
  expect(await Promise.all(asked)).toEqual([202, 202]);
  expect(await reply(started(), undefined, stopping.signal)).toBe(202);
});
