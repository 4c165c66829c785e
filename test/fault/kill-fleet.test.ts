import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { done, errorObject, expectExit } from '../cli/checks.ts';
import { expectFleetBelow, expectFleetIn, fleetInventory, fleetSerials } from '../cli/fleets.ts';
import { expectWhole } from '../cli/killed.ts';
import { type Cluster, newCluster } from '../support/clusters.ts';
import { describeFaults, faulty, textOf, traceOf, wasKilled } from './support/preload.ts';
import { warmProcess } from './support/warm.ts';

// A run for a fleet is killed, or interrupted, and the same command is run again: it finishes what was committed, and
// makes what was not. A fleet of 64 certificates is made in one thread, so that its steps can be counted; one of 2,020
// by threads, in two batches; one of 1,010 by threads, in one. What is killed has a process of its own.
const LIMIT = 300_000;
const SMALL = 32;
const LARGE = 1010;
/** Of so many nodes the certificates are one batch, which threads still make. */
const THREADED = 505;
/** At how many calls the one of 64 is killed. */
const KILLS = 6;
const warm = warmProcess();
const [archived, interrupted, ...threaded] = (await Promise.all(
  ['archived', 'interrupted', ...'abc'].map((name) => newCluster({ name })),
)) as [Cluster, Cluster, ...Cluster[]];

/** The same cluster, whose commands are run in the warm process. */
const warmed = (cluster: Cluster): Cluster => ({
  ...cluster,
  ca: (args) => warm.run(args, { cwd: cluster.out, env: cluster.env }),
});

describeFaults('a fleet of 64, killed step by step', () => {
  test(
    'into an archive',
    async () => {
      const cluster = warmed(archived);
      const { out, env } = cluster;
      const archive = (name: string) => join(out, `${name}.tar`);
      const command = async (name: string) => [
        'issue',
        '--inventory',
        await fleetInventory(cluster, name, SMALL),
        '--out',
        archive(name),
        '--json',
      ];
      const first = await command('none');
      const { calls } = await traceOf(cluster, first, (faults) => warm.here(first, { cwd: out, env }, faults));
      const steps = calls.flatMap((call, i) => (/^(fsync|link|rename|pwrite) /.test(textOf(call)) ? [i + 1] : []));
      expect(steps.length).toBeGreaterThan(10);
      let killed = 0;
      for (let i = 0; i < KILLS; i++) {
        const call = steps[Math.floor(((i + 0.5) * steps.length) / KILLS)] as number;
        const name = `kill-${i}`;
        const args = await command(name);
        if (wasKilled(await faulty(cluster, { call, fault: 'tear' }, args))) killed++;
        const committed = await fleetSerials(cluster, name);
        const again = await cluster.ca(args);
        // An archive that has its name already is whole, and is not replaced.
        if (again.code === 6) errorObject(again, 'ERR_EXISTS');
        else expect([call, again.code, again.stderr]).toEqual([call, 0, '']);
        await expectFleetIn(cluster, archive(name), name, 2 * SMALL);
        if (committed.length > 0) expect([call, await fleetSerials(cluster, name)]).toEqual([call, committed]);
      }
      expect(killed).toBeGreaterThan(KILLS / 2);
      await expectWhole(cluster);
    },
    LIMIT,
  );
});

/** Runs, and sends a signal when a temporary file of this end is in a directory, or so much later. */
async function killed(
  cluster: Cluster,
  args: string[],
  signal: NodeJS.Signals,
  when: { directory: string; ends: string; later: number },
) {
  let watching: NodeJS.Timeout | undefined;
  const result = await cluster.ca(args, {
    timeout: LIMIT,
    onSpawn: (child) => {
      watching = setInterval(() => {
        const names = existsSync(when.directory) ? readdir(when.directory) : Promise.resolve([]);
        void names.then((found) => {
          if (
            !found.some((name) => name.startsWith('.cluster-ca.') && name.endsWith(when.ends)) ||
            watching === undefined
          )
            return;
          clearInterval(watching);
          watching = undefined;
          setTimeout(() => child.kill(signal), when.later);
        });
      }, 2);
    },
  });
  clearInterval(watching);
  return result;
}

describe('killed while threads are at work', () => {
  test.each([
    [
      'a fleet of 2,020 in two batches into a directory, 150 ms after its first keys were staged',
      LARGE,
      '',
      'keys.tar',
      150,
    ],
    ['one of 1,010 into an archive, while it looks whether files can be made', THREADED, '.tar', 'probe.pem', 0],
    ['one of 2,020 into an archive, 100 ms after its first keys were staged', LARGE, '.tar', '.tar', 100],
  ])(
    '%s',
    async (_, nodes, suffix, ends, later) => {
      const own = threaded.pop() as Cluster;
      const cluster = warmed(own);
      const out = join(cluster.out, `fleet${suffix}`);
      const args = ['issue', '--inventory', await fleetInventory(cluster, 'fleet', nodes), '--out', out];
      const directory = suffix === '' ? out : cluster.out;
      const result = await killed(own, args, 'SIGKILL', { directory, ends, later });
      const committed = await fleetSerials(cluster, 'fleet');
      expect([0, 2000, 2 * nodes]).toContain(committed.length);
      if (result.code === 0) expect(committed).toHaveLength(2 * nodes);
      if (suffix === '' || !existsSync(out)) await done(cluster.ca, args);
      if (suffix === '') await expectFleetBelow(cluster, out, 'fleet', 2 * nodes);
      else await expectFleetIn(cluster, out, 'fleet', 2 * nodes);
      const after = new Set(await fleetSerials(cluster, 'fleet'));
      expect(committed.filter((serial) => !after.has(serial))).toEqual([]);
      await expectWhole(cluster);
    },
    LIMIT,
  );
});

describe('Ctrl-C', () => {
  test.each([
    ['a directory', ''],
    ['an archive', '.tar'],
  ])(
    'ends a run into %s with 130, and the next one finishes it',
    async (_, suffix) => {
      const cluster = warmed(interrupted);
      const name = `stopped${suffix.slice(1)}`;
      const out = join(cluster.out, `${name}${suffix}`);
      const args = ['issue', '--inventory', await fleetInventory(cluster, name, THREADED), '--out', out];
      const directory = suffix === '' ? out : cluster.out;
      const result = await killed(interrupted, args, 'SIGINT', { directory, ends: '.tar', later: 20 });
      expectExit(result, 130);
      expect(result.stdout).toBe('');
      expect(result.stderr).toContain('interrupted');
      expect(result.stderr).toContain('the same command, run again');
      const committed = await fleetSerials(cluster, name);
      await done(cluster.ca, args);
      if (suffix === '') await expectFleetBelow(cluster, out, name, 2 * THREADED);
      else await expectFleetIn(cluster, out, name, 2 * THREADED);
      const after = new Set(await fleetSerials(cluster, name));
      expect(committed.filter((serial) => !after.has(serial))).toEqual([]);
      await expectWhole(cluster);
    },
    LIMIT,
  );
});
