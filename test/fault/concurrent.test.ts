import { readFile, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { document, done, expectExit } from '../cli/checks.ts';
import type { IssueDocument } from '../cli/documents.ts';
import { type Cluster, newCluster } from '../support/clusters.ts';
import { expectBesideKeys, expectInvariant, expectTidy, Ledger } from './support/invariant.ts';
import { describeFaults, faulty, LONG, storageCalls } from './support/preload.ts';

// Many processes at once, with the lock and while somebody keeps removing it; a lock whose holder stands still, or whose
// number another process has by now. `npm run fault:concurrent`: 64 processes, 8 certificates each, and a holder that does stand still
// for a minute.
const PROCESSES = LONG ? 64 : 6;
const EACH = LONG ? 8 : 2;
const LIMIT = LONG ? 3_600_000 : 180_000;
const WAIT = ['--wait', LONG ? '30m' : '2m', '--json'];
const [locked, unlocked, mixed, stopped] = (await Promise.all(
  ['locked', 'unlocked', 'mixed', 'stopped'].map((name) => newCluster({ name })),
)) as [Cluster, Cluster, Cluster, Cluster];
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const lockOf = ({ keystore }: Cluster): string => join(keystore, 'lock');

async function issueEach(cluster: Cluster, ledger: Ledger): Promise<void> {
  const work = async (i: number): Promise<void> => {
    for (const n of range(EACH)) {
      const result = await cluster.ca(['issue', `p${i}-${n}`, '--plane', 'data', ...WAIT], { timeout: LIMIT });
      expectExit(result, 0);
      expect(document<IssueDocument>(result).certificates).toHaveLength(1);
      ledger.note(result);
    }
  };
  await Promise.all(range(PROCESSES).map(work));
  expect(ledger.issued.size).toBe(PROCESSES * EACH);
}

async function expectAll(cluster: Cluster, ledger: Ledger): Promise<void> {
  const truth = await expectInvariant(cluster, ledger);
  await expectBesideKeys(cluster, truth);
  await expectTidy(cluster.out);
}

test(
  'with the lock: every certificate has its serial, and no record is lost',
  async () => {
    const ledger = new Ledger();
    await issueEach(locked, ledger);
    await expectAll(locked, ledger);
  },
  LIMIT,
);

test(
  'while the lock is removed all the time',
  async () => {
    const ledger = new Ledger();
    const work = new AbortController();
    const remover = (async () => {
      for (; !work.signal.aborted; await sleep(3)) await unlink(lockOf(unlocked)).catch(() => {});
    })();
    try {
      await issueEach(unlocked, ledger);
    } finally {
      work.abort();
      await remover;
    }
    await expectAll(unlocked, ledger);
  },
  LIMIT,
);

test(
  'issue, rotate and revoke',
  async () => {
    const ledger = new Ledger();
    const nodes = range(PROCESSES).map((i) => `n${i}`);
    ledger.note(await mixed.ca(['issue', ...nodes, '--plane', 'data', '--json']));
    const verbs = (i: number): string[] =>
      [
        ['issue', `new-${i}`, '--plane', 'data'],
        ['rotate', `n${i}`],
        ['revoke', `n${i}`, '--yes'],
      ][i % 3] as string[];
    const results = await Promise.all(
      range(PROCESSES).map((i) => mixed.ca([...verbs(i), ...WAIT], { timeout: LIMIT })),
    );
    for (const result of results) {
      expectExit(result, 0);
      ledger.note(result);
    }
    expect(ledger.revoked.size).toBe(Math.floor(PROCESSES / 3));
    await expectAll(mixed, ledger);
  },
  LIMIT,
);

/** Waits until a process stands still. */
async function standsStill(pid: () => number): Promise<void> {
  for (let i = 0; i < 2400; i++, await sleep(25)) {
    const status = await readFile(`/proc/${pid()}/status`, 'utf8').catch(() => '');
    if (/^State:\s+T/m.test(status)) return;
  }
  throw new Error('the process does not stand still');
}

describeFaults('a holder of the lock', () => {
  test('that stands still loses its turn; when it goes on nothing is lost', async () => {
    const ledger = new Ledger();
    const { directory, env, out, ca } = stopped;
    const target = { directory, env, out };
    const calls = await storageCalls(target, ['issue', 'first', '--plane', 'data']);
    // Right before its reserve record, and right before its issue record, has its name.
    for (const call of calls.flatMap((one, i) => (/^link .*\/log\/\d+\/\d+$/.test(one) ? [i + 1] : []))) {
      let pid = 0;
      const first = faulty(target, { call, fault: 'stop' }, ['issue', `stopped-${call}`, '--plane', 'data', '--json'], {
        onSpawn: (child) => {
          pid = child.pid ?? 0;
        },
      });
      await standsStill(() => pid);
      // As if it had been silent for a minute; in the long form it is.
      const past = new Date(Date.now() - 60_000);
      if (!LONG) await utimes(lockOf(stopped), past, past);
      const minute = sleep(LONG ? 60_000 : 0);
      const second = await ca(['issue', `second-${call}`, '--plane', 'data', '--wait', '60s', '--json']);
      expectExit(second, 0);
      await minute;
      process.kill(pid, 'SIGCONT');
      const result = await first;
      expectExit(result, 0);
      for (const one of [result, second]) ledger.note(one);
      await expectAll(stopped, ledger);
    }
    expect(ledger.issued.size).toBe(4);
  }, 300_000);

  test('that is gone, while another process has its number by now, keeps nobody for long', async () => {
    const { ca } = stopped;
    // This process lives, and holds nothing.
    await writeFile(lockOf(stopped), JSON.stringify({ host: hostname(), pid: process.pid, start: 1 }), { mode: 0o600 });
    const past = new Date(Date.now() - 60_000);
    await utimes(lockOf(stopped), past, past);
    await done(ca, ['issue', 'after', '--plane', 'data', '--wait', '30s']);
  });

  test('that was killed before it had written its name into it keeps nobody for long', async () => {
    const { ca } = stopped;
    await writeFile(lockOf(stopped), '', { mode: 0o600 });
    // Less than a holder with a name may be silent.
    await done(ca, ['issue', 'nameless', '--plane', 'data', '--wait', '8s']);
  });
});
