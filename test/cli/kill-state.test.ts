import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { cli, type RunOptions } from '../support/cli.ts';
import { newCluster, newPlace } from '../support/clusters.ts';
import { document, done, errorObject } from './checks.ts';
import type { CheckDocument } from './documents.ts';
import { expectRevokedInCrl, expectWhole, history } from './killed.ts';
import { canTrace, injected, moments, wasKilled } from './strace.ts';

// `init` and `revoke`, killed just before each step that makes something durable or visible.
const onLinux = canTrace ? test : test.skip;
const LIMIT = 240_000;
const cluster = await newCluster();
const place = await newPlace('killed-init');

onLinux(
  'a killed init leaves nothing in the way',
  async () => {
    const scene = async (name: string) => {
      const parent = await place.dir(name);
      const keystore = join(parent, 'keystore');
      const env = { ...place.env, CLUSTER_CA_KEYSTORE: keystore, CLUSTER_CA_KEY_FILE: join(parent, 'key') };
      const run = (args: string[], options: RunOptions = {}) => cli(args, { ...options, env });
      return { parent, out: parent, env, run };
    };
    const steps = await moments(await scene('undisturbed'), join(place.directory, 'steps'), ['init', 'orders'], 3);
    expect(steps.length).toBeGreaterThan(5);
    let killed = 0;
    for (const [i, moment] of steps.entries()) {
      const { parent, run, ...target } = await scene(`init-${i}`);
      if (wasKilled(await injected(target, moment, 'signal=SIGKILL', ['init', 'orders']))) killed++;
      const again = await run(['init', 'orders', '--json']);
      // Killed after the keystore stood there, there is nothing left to do; else the next one makes it.
      if (again.code === 6) errorObject(again, 'ERR_EXISTS');
      else expect([moment, again.code, again.stderr]).toEqual([moment, 0, '']);
      expect((await done<CheckDocument>(run, ['keystore', 'check'])).valid).toBe(true);
      await done(run, ['issue', 'n1', '--plane', 'data', '--out', parent]);
      if (again.code === 0) {
        document(again);
        expect((await readdir(parent)).filter((name) => name.startsWith('.cluster-ca.'))).toEqual([]);
      }
    }
    expect(killed).toBeGreaterThan(steps.length / 2);
  },
  LIMIT,
);

onLinux(
  'a killed init with --root-keystore: the same command makes both, or both are there',
  async () => {
    const scene = async (name: string) => {
      const parent = await place.dir(name);
      const env = {
        ...place.env,
        CLUSTER_CA_KEYSTORE: join(parent, 'keystore'),
        CLUSTER_CA_KEY_FILE: join(parent, 'key'),
      };
      const medium = join(await place.dir(`${name}-medium`), 'root');
      const run = (args: string[], options: RunOptions = {}) => cli(args, { ...options, env });
      return { parent, out: parent, env, run, medium, command: ['init', 'orders', '--root-keystore', medium] };
    };
    const undisturbed = await scene('apart');
    const all = await moments(undisturbed, join(place.directory, 'steps'), undisturbed.command);
    // Every rename, for between the first two the root's place is taken; of the rest some.
    const steps = all.filter(([call], i) => call.startsWith('rename') || i % 4 === 0);
    expect(steps.filter(([call]) => call.startsWith('rename')).length).toBeGreaterThanOrEqual(2);
    let between = 0;
    for (const [i, moment] of steps.entries()) {
      const { parent, run, medium, command, ...target } = await scene(`apart-${i}`);
      await injected(target, moment, 'signal=SIGKILL', command);
      if (existsSync(medium) && !existsSync(join(parent, 'keystore'))) between++;
      const again = await run([...command, '--json']);
      if (again.code === 6) errorObject(again, 'ERR_EXISTS');
      else expect([moment, again.code, again.stderr]).toEqual([moment, 0, '']);
      const check = await done<CheckDocument>(run, ['keystore', 'check', '--root-keystore', medium]);
      expect([moment, check.findings]).toEqual([moment, []]);
      await done(run, ['crl', '--renew', '--authority', 'root-g1', '--root-keystore', medium]);
      if (again.code === 0)
        expect([...(await readdir(parent)).sort(), ...(await readdir(join(medium, '..')))]).toEqual([
          'key',
          'keystore',
          'root',
        ]);
    }
    expect(between).toBeGreaterThan(0);
  },
  LIMIT,
);

onLinux(
  'a killed revoke: what is revoked is in the CRL, and the same command finishes',
  async () => {
    const { ca, directory } = cluster;
    const log = join(directory, 'steps');
    await done(ca, ['issue', 'undisturbed', '--plane', 'data']);
    const steps = await moments(cluster, log, ['revoke', 'undisturbed', '--yes'], 2);
    expect(steps.length).toBeGreaterThan(3);
    await done(ca, ['issue', ...steps.map((_, i) => `node-${i}`), '--plane', 'data']);
    let killed = 0;
    for (const [i, moment] of steps.entries()) {
      const node = `node-${i}`;
      const command = ['revoke', node, '--yes', '--reason', 'keyCompromise'];
      if (wasKilled(await injected(cluster, moment, 'signal=SIGKILL', command))) killed++;
      await expectRevokedInCrl(cluster, node);
      await done(ca, command);
      expect((await history(cluster, node)).map(({ status }) => status)).toEqual(['revoked']);
      await expectRevokedInCrl(cluster, node);
      if (i % 8 === 0) await expectWhole(cluster);
    }
    expect(killed).toBeGreaterThan(steps.length / 2);
    await expectWhole(cluster);
  },
  LIMIT,
);
