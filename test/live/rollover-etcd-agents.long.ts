import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { AgentProcess } from '../agent/agent-process.ts';
import { Daemon } from '../server/daemon.ts';
import { cli } from '../support/cli.ts';
import { describeWith } from '../support/debian.ts';
import { Servers } from '../support/servers.ts';
import { type EtcdPlace, etcdPlaces, etcdRestart, startEtcdCluster } from '../support/servers-etcd.ts';
import type { Material } from '../support/tls.ts';
import { etcdLoad } from '../support/tls-etcd.ts';
import { expectWhole, factsOf, type RunsRollover } from './boards.ts';
import { filesOf, whileReading } from './client-files.ts';
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
  const rollover: RunsRollover = (verb) =>
    cli(['rollover', verb, '--inventory', inventory, '--json', '--yes'], { env: ca.env, timeout: 240_000 });

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
    files = await filesOf(dir('app'));
    const { clients, missed } = etcdLoad(
      places.map((place) => place.port),
      () => files,
    );
    const take = (read: Required<Material>): void => {
      files = read;
    };
    const counted = await underLoad(clients, () =>
      whileReading(dir('app'), take, () =>
        expectWhole(rollover, (board) => factsOf(board, 'trustsOld', 'trustsNew', 'serves'), [
          ['distribute', 'true true old'],
          ['issue-new', 'true true new'],
          ['retire', 'false true new'],
        ]),
      ),
    );
    process.stderr.write(`${JSON.stringify(counted)}, passed on to another member: ${missed().length}\n`);
    for (const agent of agents) {
      const failed = agent.events.filter(({ event, state }) => event === 'service' && state === 'failed');
      expect([agent.node, failed, await agent.stop(), agent.stderr]).toEqual([agent.node, [], 0, '']);
    }
    expect([await daemon.stop(), daemon.stderr]).toEqual([0, '']);
  }, 300_000);
});
