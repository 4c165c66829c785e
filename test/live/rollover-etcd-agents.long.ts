import { mkdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import { AgentProcess } from '../agent/agent-process.ts';
import { Daemon } from '../server/daemon.ts';
import { cli } from '../support/cli.ts';
import { describeWith } from '../support/debian.ts';
import { Servers } from '../support/servers.ts';
import { type EtcdPlace, etcdPlaces, etcdRestart, startEtcdCluster } from '../support/servers-etcd.ts';
import { type Material, material } from '../support/tls.ts';
import { etcdLoad } from '../support/tls-etcd.ts';
import { underLoad } from './deployer.ts';

// Three members of etcd, each with an agent: a new trust bundle is a restart there, and the daemon lets one after the
// other have its turn. A minute: `npm run live:rollover`, and no part of `npm test`.

const MEMBERS = ['etcd-1', 'etcd-2', 'etcd-3'];
const describeLive = await describeWith('etcd');
const servers = new Servers('rollover-etcd-agents');
const inventory = join(servers.directory, 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory]);
const { ca } = daemon;

describeLive('the root CA of an etcd cluster with agents is replaced under load', () => {
  const dir = (name: string): string => join(servers.directory, 'etc', name);
  const agents = MEMBERS.map((name) => new AgentProcess(daemon, name, join(servers.directory, 'agents')));
  let places: EtcdPlace[];
  let files: Required<Material>;

  /** The client's files, of one generation. */
  async function current(): Promise<Required<Material>> {
    for (;;) {
      const generation = await readlink(join(dir('app'), '.cluster-ca.current'));
      const found = await material(join(dir('app'), generation)).catch(() => undefined);
      if (found !== undefined) return found as Required<Material>;
    }
  }

  async function reaches(phase: string, verb: string): Promise<RolloverBoard> {
    const args = ['rollover', verb, '--inventory', inventory, '--json', '--yes'];
    const result = await cli(args, { env: ca.env, timeout: 240_000 });
    expect([verb, result.code, result.code === 0 ? '' : result.stderr]).toEqual([verb, 0, '']);
    const document: RolloverBoard = result.json();
    expect([verb, document.phase, document.blocking]).toEqual([verb, phase, []]);
    return document;
  }
  const known = ({ services }: RolloverBoard): string[] => [
    ...new Set(
      services
        .filter(({ kind }) => kind === 'node')
        .map(({ trustsOld, trustsNew, serves }) => `${trustsOld} ${trustsNew} ${serves}`),
    ),
  ];

  beforeAll(async () => {
    for (const place of ['etc', 'agents']) await mkdir(join(servers.directory, place), { recursive: true });
    const nodes = MEMBERS.map((name) => `  ${name}: { ip: [127.0.0.1], planes: [data] }\n`).join('');
    const clients = `clients:\n  app: { services: [{ kind: files, dir: ${dir('app')} }] }\n`;
    await writeFile(inventory, `cluster: orders\nnodes:\n${nodes}${clients}`);
    await ca.run('issue', '--inventory', inventory, 'app', '--out', ca.out);
    await ca.run('deploy', '--inventory', inventory, '--from', ca.out, '--yes');
    await daemon.start();
    places = await etcdPlaces(MEMBERS.map(dir));
    await Promise.all(
      agents.map(async (agent, i) => {
        const place = places[i] as EtcdPlace;
        const command = JSON.stringify(etcdRestart(servers, place));
        const service = (on: number, more: string): string =>
          `{ kind: etcd, address: "127.0.0.1:${on}", dir: ${place.files}, reload: { command: ${command}${more} } }`;
        await agent.configure(
          service(place.port, ''),
          service(place.peerPort, `, clientAddress: "127.0.0.1:${place.port}"`),
        );
        await agent.join('data');
        agent.start();
        await agent.event('service', ({ state }) => state === 'placed');
      }),
    );
    await startEtcdCluster(servers, places);
  }, 240_000);

  test('to its end: 0 failed operations', async () => {
    files = await current();
    const { clients, missed } = etcdLoad(
      places.map((place) => place.port),
      () => files,
    );
    let over = false;
    const reading = (async (): Promise<void> => {
      while (!over) {
        files = await current();
        await sleep(50);
      }
    })();
    const counted = await underLoad(clients, async () => {
      try {
        await reaches('prepared', 'start');
        for (const [phase, facts] of [
          ['distribute', 'true true old'],
          ['issue-new', 'true true new'],
          ['retire', 'false true new'],
        ] as const) {
          expect([phase, known(await reaches(phase, 'advance'))]).toEqual([phase, [facts]]);
        }
        await reaches('done', 'advance');
      } finally {
        over = true;
      }
    });
    await reading;
    process.stderr.write(`${JSON.stringify(counted)}, passed on to another member: ${missed().length}\n`);
    for (const agent of agents) {
      const failed = agent.events.filter(({ event, state }) => event === 'service' && state === 'failed');
      expect([agent.node, failed, await agent.stop(), agent.stderr]).toEqual([agent.node, [], 0, '']);
    }
    expect([await daemon.stop(), daemon.stderr]).toEqual([0, '']);
  }, 300_000);
});
