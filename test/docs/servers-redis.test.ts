import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { REDIS_RIGHTS } from '../../src/targets/redis.ts';
import { run } from '../support/cli.ts';
import { describeWith, program } from '../support/debian.ts';
import { Servers, until } from '../support/servers.ts';
import { redisCli, tlsFiles } from '../support/servers-redis.ts';
import { startSshd } from '../support/servers-ssh.ts';
import { newShell } from './console.ts';
import { serverPage } from './server-page.ts';

const NODES = ['redis-1', 'redis-2'] as const;
const describeLive = await describeWith('redis-server', 'redis-cli', 'ssh', 'sshd');
const servers = new Servers('docs-redis');
const shell = await newShell('docs-redis');
const redis = await serverPage('servers/redis.md', shell);

describeLive('docs/servers/redis.md, as it is written but for addresses and directories', () => {
  const cli = (i: number, ...words: string[]): Promise<string> =>
    redisCli(join(shell.work, 'tls/clients/app'), { host: redis.address(`10.0.0.3${i}`), port: 6379 }, ...words);

  beforeAll(async () => {
    await writeFile(join(shell.work, 'cluster.yaml'), redis.inventory(NODES, await startSshd(servers)));
    await redis.initialise();
  }, 300_000);

  test('the rights of the user are those that the program names', () => {
    expect(redis.block('users.acl')).toContain(`-@all ${REDIS_RIGHTS}\n`);
  });

  test('the first time', async () => {
    await redis.expectAsWritten('first');
    for (const [i, node] of NODES.entries()) {
      const on = (path: string): string => redis.onNode(path, node);
      for (const directory of ['/var/run/redis', '/var/lib/redis']) await mkdir(on(directory), { recursive: true });
      await writeFile(on('/etc/redis/users.acl'), redis.block('users.acl'));
      await writeFile(on('/etc/redis/deployer.password'), redis.block('deployer.password'), { mode: 0o600 });
      const own = redis.address(`10.0.0.3${i + 1}`);
      const more = i === 0 ? '' : `replicaof ${redis.address('10.0.0.31')} 6379\n`;
      const text = on(redis.block('redis.conf')).replace(redis.address('10.0.0.31'), own);
      await writeFile(on('/etc/redis/redis.conf'), `${text}${more}dir ${on('/var/lib/redis')}\nsave ""\n`);
      await servers.start({
        name: node,
        directory: join(servers.directory, node),
        file: program('redis-server'),
        args: [on('/etc/redis/redis.conf')],
        ready: async () => (await cli(i + 1, 'PING').catch(() => '')) === 'PONG',
      });
    }
    await until('the replica follows', async () => (await cli(1, 'INFO', 'replication')).includes('state=online'));
  }, 300_000);

  test('every time', async () => {
    const link = async (): Promise<string | undefined> =>
      /addr=\S+/.exec(await cli(1, 'CLIENT', 'LIST', 'TYPE', 'replica'))?.[0];
    const before = await link();
    await redis.expectAsWritten('rotate');
    expect([before, await link()]).toEqual([expect.any(String), expect.any(String)]);
    expect(await link()).not.toBe(before);
    // It went on where it was.
    expect(await cli(1, 'INFO', 'stats')).toMatch(/^sync_full:1\r?$/m);
  }, 300_000);

  test('the user may do nothing else', async () => {
    const as = ['--user', 'deployer', '--pass', redis.block('deployer.password').trim()];
    expect(await cli(1, ...as, 'ROLE')).toContain('master');
    await expect(cli(1, ...as, 'SET', 'a', '1')).rejects.toThrow('NOPERM');
    expect(await cli(1, 'SET', 'a', '1')).toBe('OK');
  });

  test('with a key of another type it serves nobody, and is reached by its unix socket', async () => {
    const tls = redis.onNode('/etc/redis/tls', 'redis-1');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(join(tls, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const socket = redis.onNode('/var/run/redis/redis.sock', 'redis-1');
    const set = ['-s', socket, 'CONFIG', 'SET', ...Object.entries(tlsFiles(tls)).flat()];
    expect((await run(program('redis-cli'), set)).stdout).toBe('OK\n');
    await expect(cli(1, 'PING')).rejects.toThrow();
    const { code, stdout } = await shell.bash('cluster-ca deploy --inventory cluster.yaml --from tls --yes');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/1 confirmed/)]);
    expect(await cli(1, 'PING')).toBe('PONG');
  }, 300_000);

  test('a client that was revoked is let in all the same', async () => {
    await redis.expectAsWritten('revoke');
    for (const i of [1, 2]) expect(await cli(i, 'PING')).toBe('PONG');
  }, 300_000);
});
