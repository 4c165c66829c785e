import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers, until } from '../support/servers.ts';
import { redisCli, startRedis } from '../support/servers-redis.ts';
import { type Sentinel, sentinelFiles, startSentinel } from '../support/servers-sentinel.ts';
import { type Material, material } from '../support/tls.ts';
import { redisClient } from '../support/tls-redis-load.ts';
import { RespConnection } from '../support/tls-resp.ts';
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
  const starts = (): number[] => sentinels.map(({ server }) => server.output().match(/Sentinel ID is/g)?.length ?? 0);

  /** The client's files, of one generation. */
  async function current(): Promise<Material> {
    for (;;) {
      const generation = await readlink(join(dir('app'), '.cluster-ca.current'));
      const found = await material(join(dir('app'), generation)).catch(() => undefined);
      if (found !== undefined) return found;
    }
  }

  /** Where the primary is, as a client of Sentinels finds out: the next is asked when one is not there. */
  async function lookUp(): Promise<number> {
    let last: unknown;
    for (const name of SENTINELS)
      try {
        const connection = await RespConnection.open(port(name), files);
        try {
          const reply = await connection.send('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'orders');
          if (Array.isArray(reply)) return Number(reply[1]);
          throw new Error(`${name} says ${reply}`);
        } finally {
          connection.close();
        }
      } catch (error) {
        last = error;
      }
    throw last;
  }

  async function reaches(phase: string, verb: string): Promise<RolloverBoard> {
    const result = await ca.live(['rollover', verb], { timeout: 240_000 });
    expect([verb, result.code, result.code === 0 ? '' : result.stderr]).toEqual([verb, 0, '']);
    const document: RolloverBoard = result.json();
    expect([verb, document.phase, document.blocking]).toEqual([verb, phase, []]);
    return document;
  }
  const known = ({ services }: RolloverBoard): string[] => [
    ...new Set(
      services
        .filter(({ kind }) => kind === 'node')
        .map(({ trustsOld, trustsNew, serves, provenBy }) => `${trustsOld} ${trustsNew} ${serves} ${provenBy}`),
    ),
  ];

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
    const downAfter = 2000;
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
    files = await current();
    const clients = ([1, 2, 3, 4] as const).map((id) =>
      redisClient(id, id < 3 ? 'lasting' : 'fresh', lookUp, () => files),
    );
    let over = false;
    const reading = (async (): Promise<void> => {
      while (!over) {
        files = await current();
        await sleep(50);
      }
    })();
    const primary = await ask('sentinel-1', 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'orders');
    const counted = await underLoad(clients, async () => {
      try {
        await reaches('prepared', 'start');
        for (const [phase, facts] of [
          ['distribute', 'true true old handshake'],
          ['issue-new', 'true true new handshake'],
          ['retire', 'false true new handshake'],
        ] as const) {
          expect([phase, known(await reaches(phase, 'advance'))]).toEqual([phase, [facts]]);
        }
        await reaches('done', 'advance');
      } finally {
        over = true;
      }
    });
    await reading;
    process.stderr.write(`${JSON.stringify(counted)}, restarts: ${starts().map((count) => count - 1)}\n`);
    expect([told(), starts()]).toEqual([[], [4, 4, 4]]);
    expect(await ask('sentinel-1', 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'orders')).toBe(primary);
    for (const name of SENTINELS)
      expect(await ask(name, 'SENTINEL', 'CKQUORUM', 'orders')).toMatch(/^OK 3 usable Sentinels/);
  }, 400_000);
});
