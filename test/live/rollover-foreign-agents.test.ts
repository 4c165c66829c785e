import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { AgentProcess } from '../agent/agent-process.ts';
import { Daemon, materialOf } from '../server/daemon.ts';
import { cli, type RunResult } from '../support/cli.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers, until } from '../support/servers.ts';
import { redisCli, startRedis } from '../support/servers-redis.ts';
import { Deployer } from './deployer.ts';

// A takeover is carried out from here. An agent has certificates of this CA alone, which the cluster that is taken over
// does not know yet, and would give them to its services: so it is refused before anything is changed, and agents come
// when the takeover is done.

const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('rollover-foreign-agents');
const inventory = join(servers.directory, 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory]);
const { ca } = daemon;

describeLive('a Redis of another CA, on a node with an agent', () => {
  const agent = new AgentProcess(daemon, 'r1', servers.directory);
  const dir = join(servers.directory, 'etc');
  const app = join(servers.directory, 'app');
  let port = 0;
  const files = (): Promise<string[]> =>
    Promise.all(['cert.pem', 'key.pem', 'ca.pem'].map((file) => readFile(join(dir, file), 'utf8')));
  const run = (...args: string[]): Promise<RunResult> =>
    cli([...args, '--json', '--yes'], { env: ca.env, timeout: 120_000 });
  const rollover = (verb: string, ...args: string[]) => run('rollover', verb, '--inventory', inventory, ...args);
  const errorOf = ({ stderr }: RunResult) => JSON.parse(stderr).error;

  beforeAll(async () => {
    port = await freePort();
    const legacy = await Deployer.init(join(servers.directory, 'legacy'), 'legacy', ['--domain', 'orders.internal']);
    const service = `{ kind: redis, address: "127.0.0.1:${port}", dir: ${dir} }`;
    const nodes = `nodes:\n  r1: { ip: [127.0.0.1], planes: [data], services: [${service}] }\n`;
    const clients = `clients:\n  app: { services: [{ kind: files, dir: ${app} }] }\n`;
    await legacy.issueInventory(`cluster: legacy\n${nodes}${clients}`);
    await cp(legacy.node('r1', 'data'), dir, { recursive: true });
    await cp(legacy.client('app'), app, { recursive: true });
    await writeFile(inventory, `cluster: orders\n${nodes}${clients}`);
    await startRedis(servers, { name: 'r1', port, files: dir });
    await daemon.start();
    await mkdir(agent.out, { recursive: true });
    await agent.configure(service);
  });

  test('refused while it has one; taken over without; then it has one again', async () => {
    const before = await files();
    await agent.join('data');
    agent.start();
    // It shows what the agent does not trust: nothing is placed.
    await agent.event('service', ({ state }) => state === 'failed');
    await daemon.event('agent', ({ node }) => node === 'r1');
    const anchor = join(app, 'ca.pem');
    const refused = await rollover('start', '--from-anchor', anchor);
    expect([refused.code, errorOf(refused)]).toEqual([
      6,
      expect.objectContaining({
        code: 'ERR_STATE',
        message: 'a cluster of another CA is not taken over by agents, and r1 has one',
        hint: expect.stringContaining('cluster-ca revoke r1 --reason superseded, cluster-ca issue r1 --inventory FILE'),
      }),
    ]);
    expect((await rollover('status')).json().phase).toBe('stable');

    // As the hint says.
    expect(await agent.stop()).toBe(0);
    await ca.run('revoke', 'r1', '--reason', 'superseded', '--yes');
    await ca.run('issue', 'r1', '--inventory', inventory, '--out', ca.out);
    await rollover('start', '--from-anchor', anchor).then(({ code, stderr }) =>
      expect([code, stderr]).toEqual([0, '']),
    );
    await rm(join(agent.out, 'r1'), { recursive: true });
    const early = await agent.join('data').catch((error: Error) => error.message);
    expect(early).toContain('a cluster of another CA is being taken over, which no agent takes part in');
    expect(await files()).toEqual(before);
    expect((await rollover('advance')).json().phase).toBe('distribute');
    const placed = await files();
    // From here on its certificate is trusted, by the daemon as by the cluster: it looks at the log every second.
    const own = await materialOf(ca.node('r1', 'data'));
    await until('the daemon has seen it', () =>
      daemon.call(own, '/v1/nodes/r1/next').then(
        () => true,
        () => false,
      ),
    );
    for (const path of ['next', 'report']) {
      const body = { agent: '0.1.0', rank: 0, certificates: [], services: [], rotations: [] };
      const call = path === 'next' ? {} : { method: 'POST', body };
      const { status, json } = await daemon.call(own, `/v1/nodes/r1/${path}`, call);
      expect([path, status, json().type]).toEqual([path, 409, 'urn:cluster-ca:problem:takeover']);
    }
    expect(await files()).toEqual(placed);
    const done = await rollover('run');
    expect([done.code, done.code === 0 ? done.json().phase : done.stderr]).toEqual([0, 'done']);
    expect(await redisCli(app, port, 'PING')).toBe('PONG');

    await agent.join('data');
    agent.events.length = 0;
    agent.start();
    await agent.event('service', ({ state }) => state === 'confirmed');
    expect(await redisCli(app, port, 'PING')).toBe('PONG');
    expect([await agent.stop(), await daemon.stop(), daemon.stderr]).toEqual([0, 0, '']);
  }, 240_000);
});
