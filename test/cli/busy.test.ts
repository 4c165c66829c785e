import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, errorObject, expectExit } from './checks.ts';
import { canTrace, injected } from './strace.ts';
import { readPair } from './x509.ts';

// A writer that stands still in the middle of its work: others wait no longer than --wait, and nothing is lost.
const cluster = await newCluster();
const { alone: ca, out } = cluster;

async function childOf(pid: number): Promise<number | undefined> {
  for (const task of await readdir(`/proc/${pid}/task`).catch(() => [])) {
    const children = await readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '');
    if (children.trim() !== '') return Number(children.trim().split(' ')[0]);
  }
  return undefined;
}

/** Waits until the process stands still: stopped each of ten times it is looked at. */
async function standsStill(strace: number): Promise<number | undefined> {
  for (let still = 0, pid: number | undefined, i = 0; i < 400; i++) {
    await sleep(25);
    pid = await childOf(strace);
    if (pid === undefined) {
      if (i > 40) return undefined;
      continue;
    }
    const state = /^State:\s+(\S)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''))?.[1];
    still = state === 'T' || state === 't' ? still + 1 : 0;
    if (still === 10) return pid;
  }
  return undefined;
}

(canTrace ? test : test.skip)('a stopped writer: 11 for the others after --wait, and both end sound', async () => {
  let busy = 0;
  for (const when of [1, 3, 5, 7, 9, 11]) {
    let strace = 0;
    const first = injected(cluster, ['fsync', when], 'signal=SIGSTOP', ['issue', `stopped-${when}`, '--json'], {
      onSpawn: (child) => {
        strace = child.pid ?? 0;
      },
    });
    const pid = await standsStill(strace);
    const second = await ca(['issue', `second-${when}`, '--wait', '1s', '--json']);
    if (second.code === 11) {
      busy++;
      errorObject(second, 'ERR_KEYSTORE_BUSY');
      expect(second.stdout).toBe('');
    } else expectExit(second, 0);
    // Reading waits for nobody.
    await done(ca, ['list']);
    if (pid !== undefined) process.kill(pid, 'SIGCONT');
    expectExit(await first, 0);
    await done(ca, ['issue', `second-${when}`]);
    for (const node of [`second-${when}`, `stopped-${when}`])
      for (const plane of ['control', 'data']) expect((await readPair(join(out, node, plane))).matches).toBe(true);
    await done(ca, ['keystore', 'check']);
    await done(ca, ['audit', 'verify']);
  }
  expect(busy).toBeGreaterThan(0);
});
