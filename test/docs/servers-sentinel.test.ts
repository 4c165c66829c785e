import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { SENTINEL_RIGHTS } from '../../src/targets/sentinel.ts';
import { describeWith, program } from '../support/debian.ts';
import { Servers, until } from '../support/servers.ts';
import { redisCli, tlsFiles } from '../support/servers-redis.ts';
import { SUPERVISOR } from '../support/servers-sentinel.ts';
import { startSshd } from '../support/servers-ssh.ts';
import { newShell, page } from './console.ts';
import { serverPage } from './server-page.ts';

const REDISES = ['redis-1', 'redis-2'] as const;
const SENTINELS = ['sentinel-1', 'sentinel-2', 'sentinel-3'] as const;
const describeLive = await describeWith('redis-server', 'redis-cli', 'redis-sentinel', 'ssh', 'sshd');
const servers = new Servers('docs-sentinel');
const shell = await newShell('docs-sentinel');
const sentinel = await serverPage('servers/sentinel.md', shell);

describeLive('docs/servers/sentinel.md, as it is written but for addresses and directories', () => {
  const pidFile = (node: string): string => join(shell.work, `${node}.pid`);
  const cli = (host: string, port: number, ...words: string[]): Promise<string> =>
    redisCli(join(shell.work, 'tls/redis-1/data'), { host: sentinel.address(host), port }, ...words);

  beforeAll(async () => {
    // systemd is not here: what it restarts, restarts.
    const inventory = SENTINELS.reduce(
      (text, node) =>
        sentinel.inNode(text, node, (own) =>
          own.replace('[systemctl, restart, redis-sentinel]', `[sh, -c, "kill $(cat ${pidFile(node)})"]`),
        ),
      sentinel.inventory([...REDISES, ...SENTINELS], await startSshd(servers)),
    );
    await writeFile(join(shell.work, 'cluster.yaml'), inventory);
    await sentinel.initialise();
  }, 300_000);

  test('the rights of the user are those that the program names', async () => {
    expect(await page('servers/sentinel.md')).toContain(`\`${SENTINEL_RIGHTS}\``);
  });

  test('the first time', async () => {
    await sentinel.expectAsWritten('first');
    for (const [i, node] of REDISES.entries()) {
      const files = sentinel.onNode('/etc/redis/tls', node);
      const settings: Record<string, string> = {
        bind: sentinel.address(`10.0.0.3${i + 1}`),
        port: '0',
        'tls-port': '6379',
        ...tlsFiles(files),
        'tls-replication': 'yes',
        // Between addresses of one host whoever connects comes from 127.0.0.1.
        'replica-announce-ip': sentinel.address(`10.0.0.3${i + 1}`),
        save: '',
        ...(i === 0 ? {} : { replicaof: `${sentinel.address('10.0.0.31')} 6379` }),
      };
      await servers.start({
        name: node,
        directory: join(servers.directory, node),
        file: program('redis-server'),
        args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
        ready: async () => (await cli(`10.0.0.3${i + 1}`, 6379, 'PING').catch(() => '')) === 'PONG',
      });
    }
    for (const [i, node] of SENTINELS.entries()) {
      const host = `10.0.0.6${i + 1}`;
      const configuration = sentinel.onNode('/etc/redis/sentinel.conf', node);
      await mkdir(sentinel.onNode('/var/lib/redis', node), { recursive: true });
      const text = sentinel
        .onNode(sentinel.block('sentinel.conf'), node)
        .replace(`bind ${sentinel.address('10.0.0.61')}`, `bind ${sentinel.address(host)}`);
      await writeFile(
        configuration,
        `${text}pidfile ${pidFile(node)}\nsentinel announce-ip ${sentinel.address(host)}\n`,
      );
      await servers.start({
        name: node,
        directory: join(servers.directory, node),
        file: '/bin/sh',
        args: ['-c', SUPERVISOR, program('redis-sentinel'), configuration],
        ready: async () => (await cli(host, 26379, 'PING').catch(() => '')) === 'PONG',
      });
    }
    await until('they know each other', async () => {
      const views = await Promise.all(
        [1, 2, 3].map((i) => cli(`10.0.0.6${i}`, 26379, 'SENTINEL', 'CKQUORUM', 'orders').catch(() => '')),
      );
      return views.every((view) => view.startsWith('OK 3 usable'));
    });
  }, 300_000);

  test('every time', async () => {
    await sentinel.expectAsWritten('rotate');
    for (const node of SENTINELS) {
      const log = await readFile(join(servers.directory, node, 'output.log'), 'utf8');
      expect([node, log.match(/Running mode=sentinel/g)?.length, log.includes('+sdown')]).toEqual([node, 2, false]);
    }
  }, 300_000);
});
