import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { LocalHost } from '../../src/hosts/local-host.ts';
import { askHaProxy } from '../../src/targets/haproxy-socket.ts';
import { describeWith, program } from '../support/debian.ts';
import { Servers, until } from '../support/servers.ts';
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
  const on = (path: string): string => haproxy.onNode(path, 'lb-1');
  const ping = (host: string, port: number, client = 'app'): Promise<string> =>
    redisCli(join(shell.work, 'tls/clients', client), { host: haproxy.address(host), port }, 'PING').catch(() => '');
  const show = (what: string): Promise<string> =>
    askHaProxy(new LocalHost(), on('/run/haproxy/admin.sock'), `show ${what}`, 5_000);
  const worker = async (): Promise<string | undefined> => /^Pid: (\d+)$/m.exec(await show('info'))?.[1];
  /** How the check of the Redis ends. */
  const check = async (): Promise<string | undefined> =>
    /^redis,redis-1,.*,(?:UP|DOWN)[^,]*,.*?,(?:\* )?(L\d[A-Z]+),/m.exec(await show('stat'))?.[1];

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

  test('every time; the worker stays', async () => {
    const before = await worker();
    await haproxy.expectAsWritten('rotate');
    expect([await worker(), await ping('10.0.0.41', 6380)]).toEqual([before, 'PONG']);
    // It was PONG that was looked for, and not only whether something listens.
    await until('the check says so', async () => (await check()) === 'L7OK');
  }, 300_000);

  test('a client that was revoked is refused, by a new worker, and nobody else', async () => {
    const before = await worker();
    const leaver = (): Promise<string> => ping('10.0.0.41', 6380, 'leaver');
    expect(await leaver()).toBe('PONG');
    await haproxy.expectAsWritten('revoke');
    expect([await leaver(), await ping('10.0.0.31', 6379, 'leaver')]).toEqual(['', 'PONG']);
    expect(await ping('10.0.0.41', 6380)).toBe('PONG');
    expect(await worker()).not.toBe(before);
  }, 300_000);

  test('a Redis whose certificate was revoked is not spoken to', async () => {
    const { code, stderr } = await shell.bash(
      'cluster-ca revoke redis-1 --reason keyCompromise --inventory cluster.yaml --yes',
    );
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    await until('the check fails', async () => (await check()) === 'L6RSP');
    expect([await ping('10.0.0.41', 6380), await ping('10.0.0.31', 6379)]).toEqual(['', 'PONG']);
  }, 300_000);
});
