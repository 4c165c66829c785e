import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { primaryOf } from '../support/sentinel-primary.ts';
import { Servers, until } from '../support/servers.ts';
import { redisCli, startRedis } from '../support/servers-redis.ts';
import { type Sentinel, sentinelFiles, startSentinel } from '../support/servers-sentinel.ts';
import type { Material } from '../support/tls.ts';
import { redisClient } from '../support/tls-redis-load.ts';
import { expectWhole, factsOf, type RunsRollover } from './boards.ts';
import { filesOf, whileReading } from './client-files.ts';
import { Deployer, underLoad } from './deployer.ts';

// Sentinel takes a trust bundle or a certificate only when it starts: nine restarts of three, between which none may hold
// another, or a Redis, for down. A minute: `npm run live:rollover`, and no part of `npm test`.

const SENTINELS = ['sentinel-1', 'sentinel-2', 'sentinel-3'];
const REDISES = ['redis-1', 'redis-2', 'redis-3'];
const NODES = [...SENTINELS, ...REDISES];

const describeLive = await describeWith('redis-server', 'redis-cli', 'redis-sentinel');
const servers = new Servers('rollover-sentinel');

describeLive('the root CA of three Sentinels, and of the primary and two replicas that they watch, is replaced', () => {
  let ca: Deployer;
  let files: Material;
  const sentinels: Sentinel[] = [];
  const ports = new Map<string, number>();
  const at = (name: string): string => join(servers.directory, name);
  const dir = (name: string): string => at(join('etc', name));
  const port = (name: string): number => ports.get(name) as number;
  const ask = (name: string, ...words: string[]): Promise<string> => redisCli(dir('app'), port(name), ...words);
  /** What Sentinels have held for down, and failed over. */
  const told = (): string[] =>
    sentinels.flatMap(({ server }) => server.output().match(/\+[so]down.*|\+failover.*|\+switch-master.*/g) ?? []);
  const rollover: RunsRollover = (verb) => ca.live(['rollover', verb], { timeout: 240_000 });
  const starts = (): number[] => sentinels.map(({ server }) => server.output().match(/Sentinel ID is/g)?.length ?? 0);

  beforeAll(async () => {
    for (const name of NODES) ports.set(name, await freePort());
    ca = await Deployer.init(at('orders'), 'orders');
    const lines = NODES.map((name) => {
      const isSentinel = SENTINELS.includes(name);
      const command = JSON.stringify(sentinelFiles(servers, name).restart);
      const reload = isSentinel ? `, reload: { command: ${command} }` : '';
      const kind = isSentinel ? 'sentinel' : 'redis';
      return `  ${name}: { ip: [127.0.0.1], planes: [data], services: [{ kind: ${kind}, address: "127.0.0.1:${port(name)}", dir: ${dir(name)}${reload} }] }`;
    });
    await ca.issueInventory(
      `cluster: orders\nnodes:\n${lines.join('\n')}\nclients:\n  app: { services: [{ kind: files, dir: ${dir('app')} }] }\n`,
    );
    expect((await ca.deploy()).code).toBe(0);
    for (const name of REDISES) {
      const settings = name === 'redis-1' ? {} : { replicaof: `127.0.0.1 ${port('redis-1')}` };
      await startRedis(servers, { name, port: port(name), files: dir(name), settings });
    }
    // A Sentinel may be silent for two seconds although its restart took none: it is asked every second, and called again as often.
    const downAfter = 5000;
    for (const name of SENTINELS)
      sentinels.push(
        await startSentinel(servers, {
          name,
          port: port(name),
          files: dir(name),
          primary: port('redis-1'),
          downAfter,
        }),
      );
    await until('all know each other', async () => {
      const views = await Promise.all(SENTINELS.map((name) => ask(name, 'SENTINEL', 'MASTERS')));
      return views.every((view) => /num-slaves\n2\n/.test(view) && /num-other-sentinels\n2\n/.test(view));
    });
  }, 240_000);

  test('to its end: 0 failed operations, no failover, nobody held for down', async () => {
    files = await filesOf(dir('app'));
    const lookUp = (): Promise<number> => primaryOf('orders', SENTINELS.map(port), files);
    const clients = ([1, 2, 3, 4] as const).map((id) =>
      redisClient(id, id < 3 ? 'lasting' : 'fresh', lookUp, () => files),
    );
    const take = (read: Material): void => {
      files = read;
    };
    const primary = await ask('sentinel-1', 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'orders');
    const counted = await underLoad(clients, () =>
      whileReading(dir('app'), take, () =>
        expectWhole(rollover, (board) => factsOf(board, 'trustsOld', 'trustsNew', 'serves', 'provenBy'), [
          ['distribute', 'true true old handshake'],
          ['issue-new', 'true true new handshake'],
          ['retire', 'false true new handshake'],
        ]),
      ),
    );
    process.stderr.write(`${JSON.stringify(counted)}, restarts: ${starts().map((count) => count - 1)}\n`);
    expect([told(), starts()]).toEqual([[], [4, 4, 4]]);
    expect(await ask('sentinel-1', 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'orders')).toBe(primary);
    for (const name of SENTINELS)
      expect(await ask(name, 'SENTINEL', 'CKQUORUM', 'orders')).toMatch(/^OK 3 usable Sentinels/);
  }, 400_000);
});
