import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { Daemon } from '../server/daemon.ts';
import { describeWith } from '../support/debian.ts';
import { freeClusterPort } from '../support/ports.ts';
import { Servers, until } from '../support/servers.ts';
import { type Material, material, open } from '../support/tls.ts';
import { underLoad } from '../support/tls-load.ts';
import { RedisCluster } from './cluster.ts';

// The daemon and a Redis cluster whose certificates live for a minute, under a verifying load: rotated by itself, by
// REST, and after the daemon was killed. No operation fails, and no certificate that has ended is ever served.

const NODES = ['redis-1', 'redis-2', 'redis-3', 'redis-4', 'redis-5', 'redis-6'];
const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('serve-redis');
const inventory = join(servers.directory, 'cluster.yaml');
const LIVES = ['--node-lifetime', '60s', '--rotate-before', '40s', '--alert-before', '25s'];
const daemon = await Daemon.make('orders', ['--inventory', inventory], LIVES);

describeLive('serve, and six Redis nodes with certificates of a minute', () => {
  const ports = new Map<string, number>();
  const dir = (name: string): string => join(servers.directory, 'etc', name);
  let operator: Required<Material>;
  let watching: Material;
  /** Every certificate that each node was seen to serve. */
  const seen = new Map(NODES.map((name) => [name, new Set<string>()]));
  const ended: string[] = [];

  /** Looks once at what each node serves, judged by openssl against our root and the clock. */
  async function look(): Promise<void> {
    await Promise.all(
      NODES.map(
        (name) =>
          new Promise<void>((resolve) => {
            const socket = open(ports.get(name) as number, watching);
            socket.on('error', (error) => {
              ended.push(`${name}: ${error.message}`);
              resolve();
            });
            socket.on('secureConnect', () => {
              seen.get(name)?.add(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
              socket.destroy();
              resolve();
            });
          }),
      ),
    );
  }

  const rotations = (): number => Math.min(...[...seen.values()].map(({ size }) => size - 1));
  async function rotatedAtLeast(times: number): Promise<void> {
    await look();
    const from = rotations();
    while (rotations() - from < times) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  beforeAll(async () => {
    const { ca } = daemon;
    for (const name of NODES) ports.set(name, await freeClusterPort());
    const nodes = NODES.map(
      (name) =>
        `  ${name}: { ip: [127.0.0.1], planes: [data], services: [{ kind: redis, address: "127.0.0.1:${ports.get(name)}", dir: ${dir(name)} }] }`,
    );
    const clients = `clients:\n  app: { lifetime: 1d, services: [{ kind: files, dir: ${dir('app')} }] }\n`;
    await writeFile(inventory, `cluster: orders\nnodes:\n${nodes.join('\n')}\n${clients}`);
    operator = await daemon.person('ann', '--role', 'operator', '--lifetime', '1d');
    await ca.run('issue', '--inventory', inventory, '--out', ca.out);
    await ca.run('deploy', '--inventory', inventory, '--from', ca.out, '--yes');
    watching = await material(dir('app'));
    await daemon.start();
  });

  test('0 failed operations, 0 certificates that had ended', async () => {
    const cluster = await RedisCluster.create(servers, daemon.ca, NODES, dir('app'), (name) => ({
      port: ports.get(name) as number,
      files: dir(name),
    }));
    const { lasting, fresh } = await underLoad(cluster.port, await material(dir('app')), async (load) => {
      await rotatedAtLeast(2);
      const { status, json } = await daemon.call(operator, '/v1/cluster/certificates/rotate', { method: 'POST' });
      expect([status, json().nodes.map((one: { state: string }) => one.state)]).toEqual([
        200,
        NODES.map(() => 'rotated'),
      ]);
      await daemon.stop('SIGKILL');
      await load.progress(60);
      await daemon.start();
      await rotatedAtLeast(2);
      await load.progress(60);
    });
    expect([lasting.failures, fresh.failures, ended]).toEqual([[], [], []]);
    expect(rotations()).toBeGreaterThanOrEqual(4);
    await until('the cluster is whole', () => cluster.isWhole());
    expect(await daemon.stop()).toBe(0);
    expect(daemon.stderr).toBe('');
    const told = daemon.events.filter(({ event }) => ['not-rotated', 'bug', 'schedule-failed'].includes(event));
    expect(told).toEqual([]);
    expect((await daemon.ca.run('keystore', 'check')).valid).toBe(true);
  }, 400_000);
});
