import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { lifeOf } from '../../src/hosts/process-life.ts';
import { describeFaults } from '../fault/support/preload.ts';
import { warmProcess } from '../fault/support/warm.ts';
import { Servers, until } from '../support/servers.ts';
import { Deployed } from './deployed.ts';
import { Kills, type Moment } from './killed.ts';

const servers = new Servers('deploy-kill');
/** Before how many of its steps each run is killed: each takes seconds. */
const MOST = 6;
const warm = warmProcess();

describeFaults(
  'killed just before each step that makes something durable or visible, the next run makes it whole',
  () => {
    let node: Deployed;
    let kills: Kills;

    beforeAll(async () => {
      node = await new Deployed(servers, 'kill', warm.cli).begin();
      kills = new Kills(node, warm, MOST);
    });

    const flags = (): string[] => ['--inventory', node.inventory, '--yes', '--json'];

    /** The server serves the newest certificate, with its key beside it, and nothing of a run is left. */
    async function expectWhole(moment: Moment, code: number | null, stderr: string): Promise<void> {
      const { certificates } = (await node.ok('list', '--node', 'n1')).json();
      expect([moment, code, stderr]).toEqual([moment, 0, '']);
      expect([moment, await node.serves()]).toEqual([moment, certificates[0].fingerprint]);
      expect([moment, node.generations.length, node.leftovers]).toEqual([moment, 1, []]);
    }

    test('rotate --deploy', async () => {
      const args = ['rotate', 'n1', '--deploy', ...flags()];
      const steps = await kills.moments(args);
      let killed = 0;
      for (const moment of steps) {
        if (await kills.at(moment, args)) killed++;
        // At any moment the server serves one of the certificates that were issued, and its files are a pair.
        expect(await node.serves()).toMatch(/^[0-9a-f]{64}$/);
        const next = await node.run(['deploy', '--from', node.out]);
        await expectWhole(moment, next.code, next.stderr);
      }
      expect(killed).toBeGreaterThan(steps.length / 2);
      expect((await node.ok('keystore', 'check')).json().valid).toBe(true);
    }, 240_000);

    test('deploy', async () => {
      const args = ['deploy', '--from', node.out, ...flags()];
      await node.renew();
      const steps = await kills.moments(args);
      let killed = 0;
      for (const moment of steps) {
        const wanted = await node.renew();
        if (await kills.at(moment, args)) killed++;
        expect(await node.serves()).toMatch(/^[0-9a-f]{64}$/);
        const next = await node.run(['deploy', '--from', node.out]);
        await expectWhole(moment, next.code, next.stderr);
        expect(await node.serves()).toBe(wanted);
      }
      expect(killed).toBeGreaterThan(steps.length / 2);
    }, 240_000);

    test.each([
      ['Ctrl-C', 'SIGINT', { code: 130, signal: null }],
      ['a job that is cancelled', 'SIGTERM', { code: null, signal: 'SIGTERM' }],
    ] as const)('%s: the reload that runs ends too, and the next run goes on', async (_, signal, end) => {
      const mark = join(node.home, signal);
      await node.say(['sh', '-c', `sleep 300 & echo $! >${mark}; wait`]);
      const wanted = await node.renew();
      const stopped = await node.run(['deploy', '--from', node.out], {
        onSpawn: (child) => {
          until('the reload runs', () => existsSync(mark) && readFileSync(mark, 'utf8') !== '').then(
            () => child.kill(signal),
            () => {},
          );
        },
      });
      expect(stopped).toMatchObject(end);
      const reload = Number(readFileSync(mark, 'utf8'));
      await until('the reload has ended', () => lifeOf(reload) === undefined);
      await node.say(node.hangUp);
      const next = await node.run(['deploy', '--from', node.out]);
      expect([next.code, await node.serves(), node.leftovers]).toEqual([0, wanted, []]);
    });
  },
);
