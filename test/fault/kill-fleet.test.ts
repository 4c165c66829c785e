import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { done, errorObject, expectExit } from '../cli/checks.ts';
import { expectFleetBelow, expectFleetIn, fleetInventory, fleetSerials } from '../cli/fleets.ts';
import { expectWhole } from '../cli/killed.ts';
import { canTrace, injected, moments, wasKilled } from '../cli/strace.ts';
import { type Cluster, newCluster } from '../support/clusters.ts';

// A run for a fleet is killed, or interrupted, and the same command is run again: it finishes what was committed, and
// makes what was not. A fleet of 64 certificates is made in one thread, so that its steps can be counted; one of 2,020
// by threads, in two batches; one of 1,010 by threads, in one.
const onLinux = canTrace ? test : test.skip;
const LIMIT = 300_000;
const SMALL = 32;
const LARGE = 1010;
/** Of so many nodes the certificates are one batch, which threads still make. */
const THREADED = 505;
const [archived, interrupted, ...threaded] = (await Promise.all(
  ['archived', 'interrupted', ...'abc'].map((name) => newCluster({ name })),
)) as [Cluster, Cluster, ...Cluster[]];

describe('a fleet of 64, killed step by step', () => {
  onLinux(
    'into an archive',
    async () => {
      const archive = (name: string) => join(archived.out, `${name}.tar`);
      const command = async (name: string) => [
        'issue',
        '--inventory',
        await fleetInventory(archived, name, SMALL),
        '--out',
        archive(name),
      ];
      const steps = await moments(archived, join(archived.directory, 'steps'), await command('none'), 6);
      expect(steps.length).toBeGreaterThan(5);
      let killed = 0;
      for (const [i, moment] of steps.entries()) {
        const name = `kill-${i}`;
        const args = await command(name);
        if (wasKilled(await injected(archived, moment, 'signal=SIGKILL', args))) killed++;
        const committed = await fleetSerials(archived, name);
        const again = await archived.ca([...args, '--json']);
        // An archive that has its name already is whole, and is not replaced.
        if (again.code === 6) errorObject(again, 'ERR_EXISTS');
        else expect([moment, again.code, again.stderr]).toEqual([moment, 0, '']);
        await expectFleetIn(archived, archive(name), name, 2 * SMALL);
        if (committed.length > 0) expect([moment, await fleetSerials(archived, name)]).toEqual([moment, committed]);
      }
      expect(killed).toBeGreaterThan(steps.length / 2);
      await expectWhole(archived);
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

describe('a fleet of 2,020 in two batches, killed while threads are at work', () => {
  test.each([
    ['a directory, 150 ms after its first keys were staged', '', 'keys.tar', 150],
    ['an archive, while it looks whether files can be made', '.tar', 'probe.pem', 0],
    ['an archive, 100 ms after its first keys were staged', '.tar', '.tar', 100],
  ])(
    'into %s',
    async (_, suffix, ends, later) => {
      const cluster = threaded.pop() as Cluster;
      const out = join(cluster.out, `fleet${suffix}`);
      const args = ['issue', '--inventory', await fleetInventory(cluster, 'fleet', LARGE), '--out', out];
      const directory = suffix === '' ? out : cluster.out;
      const result = await killed(cluster, args, 'SIGKILL', { directory, ends, later });
      const committed = await fleetSerials(cluster, 'fleet');
      expect([0, 2000, 2 * LARGE]).toContain(committed.length);
      if (result.code === 0) expect(committed).toHaveLength(2 * LARGE);
      if (suffix === '' || !existsSync(out)) await done(cluster.ca, args);
      if (suffix === '') await expectFleetBelow(cluster, out, 'fleet', 2 * LARGE);
      else await expectFleetIn(cluster, out, 'fleet', 2 * LARGE);
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
      const name = `stopped${suffix.slice(1)}`;
      const out = join(interrupted.out, `${name}${suffix}`);
      const args = ['issue', '--inventory', await fleetInventory(interrupted, name, THREADED), '--out', out];
      const directory = suffix === '' ? out : interrupted.out;
      const result = await killed(interrupted, args, 'SIGINT', { directory, ends: '.tar', later: 20 });
      expectExit(result, 130);
      expect(result.stdout).toBe('');
      expect(result.stderr).toContain('interrupted');
      expect(result.stderr).toContain('the same command, run again');
      const committed = await fleetSerials(interrupted, name);
      await done(interrupted.ca, args);
      if (suffix === '') await expectFleetBelow(interrupted, out, name, 2 * THREADED);
      else await expectFleetIn(interrupted, out, name, 2 * THREADED);
      const after = new Set(await fleetSerials(interrupted, name));
      expect(committed.filter((serial) => !after.has(serial))).toEqual([]);
      await expectWhole(interrupted);
    },
    LIMIT,
  );
});
