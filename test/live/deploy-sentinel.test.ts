import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { DeployDocument, ServiceObject } from '../../src/deployment/document.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { primaryOf } from '../support/sentinel-primary.ts';
import { Servers, until } from '../support/servers.ts';
import { redisCli, startRedis } from '../support/servers-redis.ts';
import { type Sentinel, sentinelFiles, startSentinel } from '../support/servers-sentinel.ts';
import type { LoadClient } from '../support/steady-load.ts';
import { material, served } from '../support/tls.ts';
import { redisClient } from '../support/tls-redis-load.ts';
import { type Certificate, fingerprintOf } from './authority.ts';
import { anotherRoot, Deployer, underLoad } from './deployer.ts';

const SENTINELS = ['sentinel-1', 'sentinel-2', 'sentinel-3'];
const REDISES = ['redis-1', 'redis-2'];
const NODES = [...SENTINELS, ...REDISES];

const describeLive = await describeWith('redis-server', 'redis-cli', 'redis-sentinel');
const servers = new Servers('deploy-sentinel');

describeLive('deploy under load to three Sentinels, and to the primary and the replica that they watch', () => {
  let ca: Deployer;
  let other: Buffer;
  const sentinels = new Map<string, Sentinel>();
  const ports = new Map<string, number>();
  const at = (name: string): string => join(servers.directory, name);
  const dir = (name: string): string => at(join('etc', name));
  const port = (name: string): number => ports.get(name) as number;
  const address = (name: string): string => `127.0.0.1:${port(name)}`;

  const of = (document: DeployDocument, name: string): ServiceObject | undefined =>
    document.services.find(({ node }) => node === name);
  const states = (document: DeployDocument): string[] => NODES.map((name) => of(document, name)?.state ?? '');
  const every = (state: string): string[] => NODES.map(() => state);
  const inventory = (restart?: string): string => {
    const lines = NODES.map((name) => {
      const kind = SENTINELS.includes(name) ? 'sentinel' : 'redis';
      const command = (name === 'sentinel-3' && restart) || JSON.stringify(sentinelFiles(servers, name).restart);
      const timeout = name === 'sentinel-3' && restart ? ', timeout: 2s' : '';
      const reload = kind === 'sentinel' ? `, reload: { command: ${command}${timeout} }` : '';
      return `  ${name}: { ip: [127.0.0.1], planes: [data], services: [{ kind: ${kind}, address: "${address(name)}", dir: ${dir(name)}${reload} }] }`;
    });
    return `cluster: orders\nnodes:\n${lines.join('\n')}\nclients:\n  app: { services: [{ kind: files, dir: ${dir('app')} }] }\n`;
  };
  const ask = (name: string, ...words: string[]): Promise<string> => redisCli(dir('app'), port(name), ...words);
  const primary = async (): Promise<string> =>
    (await ask('sentinel-1', 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'orders')).replace('\n', ':');
  const downs = (): number =>
    SENTINELS.reduce(
      (sum, name) =>
        sum +
        ((sentinels.get(name) as Sentinel).server.output().match(/\+(s|o)down|\+failover|\+switch-master/g)?.length ??
          0),
      0,
    );

  async function expectServed(certificates: Certificate[]): Promise<void> {
    const client = await material(dir('app'));
    for (const name of NODES)
      expect([name, await served(port(name), client)]).toEqual([name, fingerprintOf(certificates, name, 'data')]);
  }

  async function loaded(work: (progress: () => Promise<void>) => Promise<void>): Promise<void> {
    const client = await material(dir('app'));
    const lookUp = (): Promise<number> => primaryOf('orders', SENTINELS.map(port), client);
    const clients: LoadClient[] = ([1, 2, 3, 4] as const).map((id) =>
      redisClient(id, id < 3 ? 'lasting' : 'fresh', lookUp, client),
    );
    const counted = await underLoad(clients, work);
    expect(counted.lasting?.connections).toBe(2);
    expect(counted.fresh?.connections).toBe(counted.fresh?.operations);
  }

  beforeAll(async () => {
    for (const name of NODES) ports.set(name, await freePort());
    ca = await Deployer.init(at('orders'), 'orders');
    other = await anotherRoot(at('billing'));
    await ca.issueInventory(inventory());
  });

  test('the files are placed before anything listens', async () => {
    const result = await ca.deploy();
    expect([result.code, states(result.json())]).toEqual([0, every('placed')]);
    await startRedis(servers, { name: 'redis-1', port: port('redis-1'), files: dir('redis-1') });
    const settings = { replicaof: `127.0.0.1 ${port('redis-1')}` };
    await startRedis(servers, { name: 'redis-2', port: port('redis-2'), files: dir('redis-2'), settings });
    for (const name of SENTINELS)
      sentinels.set(
        name,
        await startSentinel(servers, { name, port: port(name), files: dir(name), primary: port('redis-1') }),
      );
    await until('all know each other', async () => {
      const views = await Promise.all(SENTINELS.map((name) => ask(name, 'SENTINEL', 'MASTERS')));
      return views.every((view) => /num-slaves\n1\n/.test(view) && /num-other-sentinels\n2\n/.test(view));
    });
  });

  test('rotate --all --deploy: one Sentinel after the other is restarted, none is held for down, and no operation fails', async () => {
    let document: DeployDocument & { certificates: Certificate[] } = { services: [], waves: [], certificates: [] };
    const where = await primary();
    await loaded(async () => {
      const result = await ca.rotate('--cycle-connections');
      expect([result.code, result.stderr]).toEqual([0, '']);
      document = result.json();
    });
    expect(states(document)).toEqual(every('confirmed'));
    // Not one of them leads; the primary of the Redises is the last of all.
    expect(document.waves.flat().filter((name) => name !== 'app')).toEqual([...SENTINELS, 'redis-2', 'redis-1']);
    await expectServed(document.certificates);
    expect([await primary(), downs()]).toEqual([where, 0]);
    for (const name of SENTINELS)
      expect(await ask(name, 'SENTINEL', 'CKQUORUM', 'orders')).toMatch(/^OK 3 usable Sentinels/);
  }, 240_000);

  test('a change of the trust bundle alone', async () => {
    await appendFile(join(dir('sentinel-2'), 'ca.pem'), other);
    await loaded(async () => {
      const result = await ca.deploy();
      expect([result.code, result.stderr]).toEqual([0, '']);
      expect(states(result.json())).toEqual(['unchanged', 'confirmed', 'unchanged', 'unchanged', 'unchanged']);
    });
    expect(downs()).toBe(0);
  }, 180_000);

  test('a command that restarts nothing: the files of before are put back, the service is named, the others stay', async () => {
    await writeFile(ca.inventory, inventory('["true"]'));
    const before = await readFile(join(dir('sentinel-3'), 'cert.pem'), 'utf8');
    const result = await ca.live(['rotate', 'sentinel-3', 'redis-1', '--deploy', '--out', ca.out]);
    expect(result.code).toBe(3);
    expect(of(result.json(), 'sentinel-3')?.error?.message).toMatch(
      /is the same process as before: the command has not restarted it; the previous files were put back/,
    );
    expect(await readFile(join(dir('sentinel-3'), 'cert.pem'), 'utf8')).toBe(before);
    expect(of(result.json(), 'redis-1')?.state).toBe('pending');
    await writeFile(ca.inventory, inventory());
    const again = await ca.deploy();
    expect([again.code, states(again.json()).slice(2)]).toEqual([0, ['confirmed', 'confirmed', 'unchanged']]);
  }, 240_000);

  test('killed at any moment, the next run makes it whole', async () => {
    await ca.killed(NODES.map(dir), [300, 3000], expectServed, {
      // The one that was being restarted must be back: without it the others are not restarted.
      ready: () =>
        until('all are usable', async () => {
          const views = await Promise.all(
            SENTINELS.map((name) => ask(name, 'SENTINEL', 'CKQUORUM', 'orders').catch(() => '')),
          );
          return views.every((view) => view.startsWith('OK 3 usable'));
        }),
    });
  }, 300_000);

  test('verify --inventory finds nothing to say', () => ca.expectNothingFound(dir('app')));
});
