import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { describeWith, program } from '../support/debian.ts';
import { Servers } from '../support/servers.ts';
import { redisCli, tlsFiles } from '../support/servers-redis.ts';
import { startSshd } from '../support/servers-ssh.ts';
import { newShell } from './console.ts';
import { serverPage } from './server-page.ts';

const NODES = ['redis-1', 'lb-1'] as const;
const describeLive = await describeWith('haproxy', 'redis-server', 'redis-cli', 'ssh', 'sshd');
const servers = new Servers('docs-haproxy');
const shell = await newShell('docs-haproxy');
const haproxy = await serverPage('servers/haproxy.md', shell);

describeLive('docs/servers/haproxy.md, as it is written but for addresses and directories', () => {
  const files = join(shell.work, 'tls/clients/app');
  const ping = (host: string, port: number): Promise<string> =>
    redisCli(files, { host: haproxy.address(host), port }, 'PING').catch(() => '');

  beforeAll(async () => {
    await writeFile(join(shell.work, 'cluster.yaml'), haproxy.inventory(NODES, await startSshd(servers)));
    await haproxy.initialise();
  }, 300_000);

  test('the first time', async () => {
    await haproxy.expectAsWritten('first');
    const settings: Record<string, string> = {
      bind: haproxy.address('10.0.0.31'),
      port: '0',
      'tls-port': '6379',
      ...tlsFiles(haproxy.onNode('/etc/redis/tls', 'redis-1')),
      save: '',
    };
    await servers.start({
      name: 'redis-1',
      directory: join(servers.directory, 'redis-1'),
      file: program('redis-server'),
      args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      ready: async () => (await ping('10.0.0.31', 6379)) === 'PONG',
    });
    const on = (path: string): string => haproxy.onNode(path, 'lb-1');
    await mkdir(on('/run/haproxy'), { recursive: true });
    await writeFile(on('/etc/haproxy/haproxy.cfg'), on(haproxy.block('haproxy.cfg')));
    await servers.start({
      name: 'lb-1',
      directory: join(servers.directory, 'lb-1'),
      file: program('haproxy'),
      args: ['-W', '-S', on('/run/haproxy-master.sock'), '-f', on('/etc/haproxy/haproxy.cfg')],
      ready: async () => (await ping('10.0.0.41', 6380)) === 'PONG',
    });
  }, 300_000);

  test('every time', async () => {
    await haproxy.expectAsWritten('rotate');
    expect(await ping('10.0.0.41', 6380)).toBe('PONG');
  }, 300_000);

  test('a client that was revoked is refused', async () => {
    await haproxy.expectAsWritten('revoke');
    expect([await ping('10.0.0.41', 6380), await ping('10.0.0.31', 6379)]).toEqual(['', 'PONG']);
  }, 300_000);
});
