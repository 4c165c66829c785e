import { expect, test } from '@jest/globals';
import { expectRecovery } from './support/campaign.ts';
import { allOperations, type Operation, type Scene } from './support/operations.ts';
import { describeFaults, faulty, LONG, sampled, storageCalls, wasKilled } from './support/preload.ts';

// SIGKILL at each storage call, and again at each call of the run that recovers. `npm run fault:kill` tries every call.
const LIMIT = LONG ? 7_200_000 : 240_000;
/** How many calls CI tries of each. */
const CALLS = 8;

async function killedAt(operation: Operation, call: number, fault: 'kill' | 'tear' = 'kill') {
  const scene = await operation.scene();
  return { scene, result: await faulty(scene.target, { call, fault }, scene.args) };
}

/** The storage calls of a run that nothing befalls. */
async function callsOf(operation: Operation): Promise<string[]> {
  const scene = await operation.scene();
  const calls = await storageCalls(scene.target, scene.args);
  await scene.between?.();
  return calls;
}

async function report(name: string, tried: number, killed: number): Promise<void> {
  if (LONG) process.stderr.write(`${name}: ${tried} storage calls, killed at ${killed}\n`);
  // The last ones may come after the end of the run, which is never quite the same.
  expect(killed).toBeGreaterThan(tried * 0.8);
}

const operations = await allOperations();

describeFaults('killed at each storage call', () => {
  test.each(operations)(
    '%s',
    async (name, operation) => {
      const calls = await callsOf(operation);
      expect(calls.length).toBeGreaterThan(20);
      const tried = sampled(calls, CALLS);
      let killed = 0;
      for (const [i, call] of tried.entries()) {
        // Every other time a write is torn in half first.
        const { scene, result } = await killedAt(operation, call, i % 2 === 0 ? 'kill' : 'tear');
        if (wasKilled(result)) killed++;
        await expectRecovery(operation, scene, result);
      }
      await report(name, tried.length, killed);
    },
    LIMIT,
  );
});

describeFaults('killed again while it recovers', () => {
  test.each(operations.filter(([name]) => name !== 'passphrase'))(
    '%s',
    async (name, operation) => {
      const calls = await callsOf(operation);
      const first = calls.flatMap((call, i) => (/^(link|rename) /.test(call) ? [i + 1, i + 2] : []));
      const every = Math.ceil(first.length / (LONG ? 6 : 1));
      let [tried, killed] = [0, 0];
      for (const call of first.filter((_, i) => i % every === every >> 1)) {
        const recovery = await recoveryCalls(operation, call);
        for (const second of sampled(recovery, 3)) {
          const { scene } = await killedAt(operation, call);
          const result = await faulty(scene.target, { call: second, fault: 'kill' }, scene.again);
          tried++;
          if (wasKilled(result)) killed++;
          await expectRecovery(operation, scene, result);
        }
      }
      await report(`${name}, recovery`, tried, killed);
    },
    LIMIT,
  );
});

/** The storage calls of the run that recovers from a kill at a call; none when there is nothing left to do. */
async function recoveryCalls(operation: Operation, call: number): Promise<string[]> {
  const { scene }: { scene: Scene } = await killedAt(operation, call);
  return storageCalls(scene.target, scene.again).catch(() => []);
}
