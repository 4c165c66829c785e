import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { readPair } from '../cli/x509.ts';
import { describeFaults } from '../fault/support/preload.ts';
import { warmProcess } from '../fault/support/warm.ts';
import { Servers } from '../support/servers.ts';
import { Deployed } from './deployed.ts';
import { Kills, type Moment } from './killed.ts';

const servers = new Servers('deploy-kill-directory');
/** Before how many of its steps each run is killed; KILL_STEPS=1000: before all, for minutes. */
const MOST = Number(process.env.KILL_STEPS ?? 6);
const LIMIT = MOST > 100 ? 1_200_000 : 240_000;
const warm = warmProcess();
const NAMES = ['key.pem', 'ca.pem', 'cert.pem'];

// What kill.test.ts does not come by: the first deployment, files of before, a failure that is put back, a new CRL.
describeFaults('killed just before each step, the next run makes it whole', () => {
  let node: Deployed;
  let kills: Kills;
  /** The newest certificate of the node. */
  let wanted: string;
  const more = (): string[] => ['--inventory', node.inventory, '--yes', '--json'];

  beforeAll(async () => {
    node = await new Deployed(servers, 'kill-directory', warm.cli).begin();
    kills = new Kills(node, warm, MOST);
  });

  /** Kills the command at each of its moments. `prepare` sets the scene, `check` looks at it when it was killed. */
  async function killEach(
    args: string[],
    prepare: () => Promise<void>,
    check: (moment: Moment) => Promise<void>,
    exits = 0,
  ): Promise<void> {
    await prepare();
    const steps = await kills.moments(args, exits);
    let killed = 0;
    for (const moment of steps) {
      await prepare();
      if (await kills.at(moment, args)) killed++;
      await check(moment);
    }
    expect(killed).toBeGreaterThan(steps.length / 2);
  }

  /** The server serves the newest, the files are its pair, nothing of a run is left. */
  async function expectDone(moment: Moment, code: number | null, said: string): Promise<void> {
    expect([moment, code, said]).toEqual([moment, 0, '']);
    expect([moment, await node.serves()]).toEqual([moment, wanted]);
    expect([moment, (await readPair(node.dir)).matches]).toEqual([moment, true]);
    expect([moment, node.generations.length, node.leftovers]).toEqual([moment, 1, []]);
    const status = await node.run(['status']);
    expect([moment, status.code, status.code === 0 ? '' : status.stdout]).toEqual([moment, 0, '']);
  }

  test(
    'a deployment over plain files: at every moment there is a whole pair, the old or the new',
    async () => {
      const args = ['deploy', '--from', node.out, ...more()];
      await killEach(
        args,
        async () => {
          // The files as an operator had placed them, the server running on them.
          const files = await Promise.all(NAMES.map((name) => node.read(name)));
          for (const name of await readdir(node.dir)) await rm(join(node.dir, name), { recursive: true });
          for (const [i, name] of NAMES.entries()) await writeFile(join(node.dir, name), files[i] as string);
          wanted = await node.renew();
        },
        async (moment) => {
          expect([moment, (await readPair(node.dir)).matches]).toEqual([moment, true]);
          const next = await node.run(['deploy', '--from', node.out]);
          await expectDone(moment, next.code, next.stderr);
        },
      );
    },
    LIMIT,
  );

  test(
    'the first deployment, before anything listens: placed, and then nothing to do',
    async () => {
      const dir = join(node.home, 'first');
      await node.say(
        `[{ kind: exec, plane: data, address: "127.0.0.1:1", dir: ${dir}, reload: { command: ["true"] } }]`,
      );
      wanted = await node.renew();
      await killEach(
        ['deploy', '--from', node.out, ...more()],
        () => rm(dir, { recursive: true, force: true }),
        async (moment) => {
          const next = await node.deploy();
          expect([moment, next.code, ['placed', 'unchanged'].includes(next.service.state)]).toEqual([moment, 0, true]);
          expect([moment, (await readPair(dir)).matches]).toEqual([moment, true]);
          const names = (await readdir(dir)).filter((name) => !NAMES.includes(name));
          expect([moment, names.length, names.includes('.cluster-ca.current')]).toEqual([moment, 2, true]);
        },
      );
      await node.say(node.hangUp);
      expect((await node.deploy()).service.state).toBe('confirmed');
    },
    LIMIT,
  );

  test(
    'a deployment that fails and puts the previous files back: no key is lost, also when --out is',
    async () => {
      await killEach(
        ['deploy', '--from', node.out, ...more()],
        async () => {
          await node.say(['false']);
          wanted = await node.renew();
        },
        async (moment) => {
          expect([moment, (await readPair(node.dir)).matches]).toEqual([moment, true]);
          const key = await readFile(join(node.out, 'n1/data/key.pem'));
          const wasPlaced = (
            await Promise.all(node.generations.map((name) => readFile(join(node.dir, name, 'key.pem')).catch(() => '')))
          ).some((found) => key.equals(Buffer.from(found)));
          if (wasPlaced) await rm(join(node.out, 'n1'), { recursive: true });
          await node.say(node.hangUp);
          const next = await node.run(['deploy', '--from', node.out]);
          await expectDone(moment, next.code, next.stderr);
        },
        3,
      );
    },
    LIMIT,
  );

  test(
    'a revocation whose CRL is given to the server',
    async () => {
      await node.say(node.hangUp, ', crl: every-level');
      expect((await node.deploy()).code).toBe(0);
      const args = ['revoke', 'guest', ...more()];
      await killEach(
        args,
        async () => {
          await node.ok('issue', '--client', 'guest', '--force-new', '--out', node.out);
        },
        async (moment) => {
          expect([moment, (await readPair(node.dir)).matches]).toEqual([moment, true]);
          const again = await node.run(['revoke', 'guest', '--inventory', node.inventory, '--yes']);
          await expectDone(moment, again.code, again.stderr);
          const { crls } = (await node.ok('crl')).json();
          expect([moment, await node.read('crl.pem')]).toEqual([
            moment,
            crls.map(({ pem }: { pem: string }) => pem).join(''),
          ]);
        },
      );
    },
    LIMIT,
  );
});
