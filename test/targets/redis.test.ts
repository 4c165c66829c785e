import { chmod, cp, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { REDIS_RIGHTS } from '../../src/targets/redis.ts';
import { Authority, type Certificate, fingerprintOf } from '../live/authority.ts';
import { run } from '../support/cli.ts';
import { describeWith, program } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers, until } from '../support/servers.ts';
import { type Redis, redisCli, startRedis } from '../support/servers-redis.ts';
import { material, refusal, served } from '../support/tls.ts';
import { RespConnection } from '../support/tls-resp.ts';
import { messages, type Opened, openSession, refusalOf } from './session.ts';

const INVENTORY = `
cluster: orders
nodes:
  redis-1: { ip: [127.0.0.1], planes: [data] }
  redis-2: { ip: [127.0.0.1], planes: [data] }
  rsa-1: { ip: [127.0.0.1], planes: [data], keyType: rsa-2048 }
clients: { app: {} }
`;
const ALL = { certificate: true, trust: true, crl: false };
const CERTIFICATE = { certificate: true, trust: false, crl: false };

const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('redis-target');

test('what reload takes', () => {
  expect(refusalOf('redis', {})).toBeUndefined();
  expect(refusalOf('redis', { user: 'x', passwordFile: '/p', socket: '/s' })).toBeUndefined();
  expect(refusalOf('redis', { user: 'x' })).toBe('user wants passwordFile');
  expect(refusalOf('redis', { socket: 'relative' })).toBe('an absolute path');
  expect(refusalOf('redis', { password: 'x' })).toContain('password');
});

describeLive('a Redis primary and its replica', () => {
  let ca: Authority;
  let issued: Certificate[];
  let primary: Redis;
  let replica: Redis;
  let socket: string;
  const opened: Opened[] = [];

  const dir = (name: string): string => join(servers.directory, `${name}-tls`);
  /** New files by hand: of this node's newest certificate, or of what is said. */
  const place = async (name: string, from = ca.node(name, 'data')): Promise<void> => {
    for (const file of ['key.pem', 'ca.pem', 'cert.pem']) await cp(join(from, file), join(dir(name), file));
  };
  const rotate = async (name: string): Promise<string> => {
    const { certificates } = await ca.run('rotate', name, '--out', ca.out);
    return fingerprintOf(certificates, name, 'data');
  };
  const cli = (redis: Redis, ...words: string[]): Promise<string> => redisCli(ca.client('app'), redis.port, ...words);
  const seen = async (redis: Redis): Promise<string> => served(redis.port, await material(ca.client('app')));
  const open = async (redis: Redis, reload = '{}', directory?: string): Promise<Opened> => {
    const name = redis === primary ? 'redis-1' : 'redis-2';
    const one = await openSession({
      kind: 'redis',
      address: `127.0.0.1:${redis.port}`,
      dir: directory ?? dir(name),
      reload,
      client: ca.client('app'),
    });
    opened.push(one);
    return one;
  };
  const isWhole = async (): Promise<boolean> => {
    const info = await cli(primary, 'INFO', 'replication');
    return info.includes('connected_slaves:1') && info.includes('state=online');
  };
  const clients = async (redis: Redis, many: number): Promise<RespConnection[]> => {
    const of = await material(ca.client('app'));
    const connections = await Promise.all(Array.from({ length: many }, () => RespConnection.open(redis.port, of)));
    for (const connection of connections) expect(await connection.send('PING')).toBe('PONG');
    return connections;
  };

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    issued = await ca.issueInventory(INVENTORY);
    socket = join(servers.directory, 'redis-1.sock');
    for (const name of ['redis-1', 'redis-2']) {
      await cp(ca.node(name, 'data'), dir(name), { recursive: true });
      const first = name === 'redis-1';
      const settings: Record<string, string> = first
        ? { unixsocket: socket }
        : { replicaof: `127.0.0.1 ${primary.port}` };
      const redis = await startRedis(servers, { name, port: await freePort(), files: dir(name), settings });
      if (first) primary = redis;
      else replica = redis;
    }
    await until('the replica follows', isWhole);
  });

  afterEach(async () => {
    for (const { session } of opened.splice(0)) await session.close();
  });

  test('nothing speaks against it; the replica goes first', async () => {
    for (const [redis, rank] of [
      [primary, 1],
      [replica, 0],
    ] as const) {
      const { session, warnings } = await open(redis);
      expect(await session.preflight(ALL)).toEqual([]);
      expect(await session.rank?.()).toBe(rank);
      expect(warnings).toEqual([]);
    }
  });

  test('it takes a new certificate, and says how many connections rest on the old one', async () => {
    const { session } = await open(primary);
    await session.preflight(CERTIFICATE);
    const old = await clients(primary, 3);
    const fingerprint = await rotate('redis-1');
    await place('redis-1');
    expect(await seen(primary)).toBe(fingerprintOf(issued, 'redis-1', 'data'));
    const since = new Date();
    await session.reload(CERTIFICATE);
    const late = await clients(primary, 2);
    const [inside] = [await RespConnection.open(replica.port, await material(ca.client('app')))];
    expect(await seen(primary)).toBe(fingerprint);
    expect(await session.connections?.(since)).toEqual({ count: 4, what: '3 clients, 1 replication link' });
    await session.cycle?.(since);
    expect(await session.connections?.(since)).toEqual({ count: 3, what: '3 clients' });
    for (const connection of [...old, ...late]) expect(await connection.send('PING')).toBe('PONG');
    expect(await isWhole()).toBe(true);
    // It went on where it was.
    expect(await cli(primary, 'INFO', 'stats')).toMatch(/^sync_full:1\r?$/m);
    for (const connection of [...old, ...late, inside]) connection.close();
  });

  test('another run, which knows the moment of the reload alone, counts them too', async () => {
    const since = new Date();
    const { session } = await open(replica);
    const [connection] = await clients(replica, 1);
    expect((await session.connections?.(new Date(since.getTime() - 3_600_000)))?.count).toBe(0);
    // When its link to the primary was made a replica does not tell: it is renewed, and not counted.
    const before = await cli(replica, 'CLIENT', 'LIST', 'TYPE', 'master');
    expect(await session.connections?.(new Date())).toEqual({ count: 1, what: '1 client' });
    await session.cycle?.(new Date());
    const after = await cli(replica, 'CLIENT', 'LIST', 'TYPE', 'master');
    for (const [same, text] of [
      [true, /\bid=\d+/],
      [false, /\bladdr=\S+/],
    ] as const)
      expect(text.exec(after)?.[0] === text.exec(before)?.[0]).toBe(same);
    connection?.close();
    expect(await isWhole()).toBe(true);
    expect(await cli(primary, 'INFO', 'stats')).toMatch(/^sync_full:1\r?$/m);
  });

  test('it cycles nothing where that would make an operation fail', async () => {
    await cli(primary, 'CONFIG', 'SET', 'min-replicas-to-write', '1');
    await cli(replica, 'CONFIG', 'SET', 'replica-serve-stale-data', 'no');
    for (const [redis, why] of [
      [primary, 'min-replicas-to-write 1'],
      [replica, 'replica-serve-stale-data no'],
    ] as const) {
      const { session, warnings } = await open(redis);
      await session.reload(ALL);
      const before = await session.connections?.(new Date());
      await session.cycle?.(new Date());
      expect(await session.connections?.(new Date())).toEqual(before);
      expect(warnings.join()).toContain(why);
    }
    await cli(primary, 'CONFIG', 'SET', 'min-replicas-to-write', '0');
    await cli(replica, 'CONFIG', 'SET', 'replica-serve-stale-data', 'yes');
  });

  test('a server that reads other files is named, with what sets it right', async () => {
    const elsewhere = join(servers.directory, 'elsewhere');
    const { session } = await open(primary, '{}', elsewhere);
    const problems = messages(await session.preflight(ALL));
    for (const [setting, file] of [
      ['tls-cert-file', 'cert.pem'],
      ['tls-key-file', 'key.pem'],
      ['tls-ca-cert-file', 'ca.pem'],
    ])
      expect(problems).toContain(
        `has ${setting} ${dir('redis-1')}/${file}, and not ${elsewhere}/${file} | CONFIG SET ${setting} ${elsewhere}/${file}`,
      );
  });

  test('a relative path is relative to its working directory; other client files and a CA directory are warned of', async () => {
    const paths = ['cert', 'key'].flatMap((name) => [
      `tls-${name}-file`,
      relative(join(servers.directory, 'redis-1'), join(dir('redis-1'), `${name}.pem`)),
    ]);
    await cli(primary, 'CONFIG', 'SET', ...paths);
    expect(await cli(primary, 'CONFIG', 'GET', 'tls-cert-file')).toContain('../redis-1-tls');
    const own = ca.node('redis-1', 'data');
    const client = ['tls-client-cert-file', join(own, 'cert.pem'), 'tls-client-key-file', join(own, 'key.pem')];
    await cli(primary, 'CONFIG', 'SET', 'tls-ca-cert-dir', '/etc/ssl/certs', ...client);
    const { session, warnings } = await open(primary);
    expect(await session.preflight(ALL)).toEqual([]);
    expect(warnings.join()).toContain(`tls-client-cert-file ${own}/cert.pem`);
    expect(warnings.join()).toContain('also trusts what is in its tls-ca-cert-dir /etc/ssl/certs');
    await session.reload(ALL);
    const absolute = [
      'tls-cert-file',
      join(dir('redis-1'), 'cert.pem'),
      'tls-key-file',
      join(dir('redis-1'), 'key.pem'),
    ];
    const none = ['tls-client-cert-file', '', 'tls-client-key-file', '', 'tls-ca-cert-dir', ''];
    await cli(primary, 'CONFIG', 'SET', ...absolute, ...none);
  });

  test('an ACL user: with just the rights that are documented everything works, with fewer it says which are missing', async () => {
    const passwordFile = join(servers.directory, 'password');
    await writeFile(passwordFile, 'correct horse\nand another line\n', { mode: 0o600 });
    await cli(primary, 'ACL', 'SETUSER', 'deployer', 'on', '>correct horse', '-@all', ...REDIS_RIGHTS.split(' '));
    await cli(primary, 'ACL', 'SETUSER', 'poor', 'on', '>correct horse', '-@all', '+ping', '+config|get');
    const able = await open(primary, `{ user: deployer, passwordFile: ${passwordFile} }`);
    expect(await able.session.preflight(ALL)).toEqual([]);
    expect(await able.session.rank?.()).toBe(1);
    const connected = await clients(primary, 1);
    await able.session.reload(ALL);
    await able.session.cycle?.(new Date());
    expect(await able.session.connections?.(new Date())).toEqual({ count: 1, what: '1 client' });
    expect(able.warnings).toEqual([]);
    for (const connection of connected) connection.close();

    const poor = await open(primary, `{ user: poor, passwordFile: ${passwordFile} }`);
    expect(messages(await poor.session.preflight(ALL))).toMatch(
      /refuses CONFIG SET: NOPERM .* \| give the user poor what it needs: ACL SETUSER poor \+config\|get/,
    );
    await expect(poor.session.reload(ALL)).rejects.toMatchObject({ code: 'ERR_REMOTE' });
  });

  test('passwords: none, a wrong one, no file, an empty file, one that everybody can read', async () => {
    await cli(primary, 'CONFIG', 'SET', 'requirepass', 'letmein');
    const auth = ['-a', 'letmein', '--no-auth-warning'];
    const file = join(servers.directory, 'requirepass');
    const look = async (reload: string): Promise<string> =>
      messages(await (await open(primary, reload)).session.preflight(ALL));
    expect(await look('{}')).toMatch(/NOAUTH.* \| say who may speak to it in the inventory/);
    expect(await look(`{ passwordFile: ${file} }`)).toContain(`the password file ${file} is not there`);
    await writeFile(file, '\nletmein\n', { mode: 0o600 });
    expect(await look(`{ passwordFile: ${file} }`)).toContain('has an empty first line');
    await writeFile(file, 'sesame');
    const wrong = await look(`{ passwordFile: ${file} }`);
    expect(wrong).toContain('refuses AUTH: WRONGPASS');
    expect(wrong).not.toContain('sesame');
    await writeFile(file, 'letmein');
    await chmod(file, 0o644);
    const right = await open(primary, `{ passwordFile: ${file} }`);
    expect(await right.session.preflight(ALL)).toEqual([]);
    expect(right.warnings).toEqual([`everybody can read the password file ${file}`]);
    await cli(primary, ...auth, 'CONFIG', 'SET', 'requirepass', '');
  });

  test('a certificate with the key of another is refused, and the old pair stays', async () => {
    const before = await seen(primary);
    await rotate('redis-1');
    await cp(join(ca.node('redis-1', 'data'), 'cert.pem'), join(dir('redis-1'), 'cert.pem'));
    const { session } = await open(primary);
    await expect(session.reload(CERTIFICATE)).rejects.toThrow(/refuses CONFIG SET: ERR .*Unable to update TLS/);
    expect(await seen(primary)).toBe(before);
    await place('redis-1');
    await session.reload(CERTIFICATE);
    expect(await seen(primary)).not.toBe(before);
  });

  test('a key of another type: Redis says OK and serves nobody; the connection of before puts it right', async () => {
    const { session } = await open(primary);
    expect(await session.preflight(CERTIFICATE)).toEqual([]);
    const good = await seen(primary);
    const lost = await open(primary);
    await cp(join(ca.node('rsa-1', 'data'), 'key.pem'), join(dir('redis-1'), 'key.pem'));
    await session.reload(CERTIFICATE);
    const app = await material(ca.client('app'));
    expect(await refusal(primary.port, app)).toMatch(/HANDSHAKE_FAILURE/);
    // One that connects only now does not come in over TLS, and does over the unix socket.
    expect(messages(await lost.session.preflight(CERTIFICATE))).toContain('no common cipher or key type');
    await expect(lost.session.reload(CERTIFICATE)).rejects.toMatchObject({ code: 'ERR_REMOTE' });
    const inside = await open(primary, `{ socket: ${socket} }`);
    expect(await inside.session.preflight(CERTIFICATE)).toEqual([]);
    await place('redis-1');
    await session.reload(CERTIFICATE);
    expect(await seen(primary)).toBe(good);
    await cp(join(ca.node('rsa-1', 'data'), 'key.pem'), join(dir('redis-1'), 'key.pem'));
    await session.reload(CERTIFICATE);
    await place('redis-1');
    await inside.session.reload(CERTIFICATE);
    expect(await seen(primary)).toBe(good);
    // Our own over TLS counts; another over the unix socket rests on no certificate.
    const another = await open(primary, `{ socket: ${socket} }`);
    expect(await another.session.preflight(ALL)).toEqual([]);
    const old = await inside.session.connections?.(new Date());
    expect(old).toEqual({ count: 2, what: '1 client, 1 replication link' });
  });

  test('a connection that the server has closed meanwhile is made anew', async () => {
    const { session } = await open(primary);
    expect(await session.preflight(ALL)).toEqual([]);
    await cli(primary, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until('it has noticed', async () => (await session.rank?.().catch(() => undefined)) === 1);
    await session.reload(ALL);
  });

  test('garbage in the trust bundle is refused; the previous trust stays', async () => {
    const { session } = await open(primary);
    await writeFile(join(dir('redis-1'), 'ca.pem'), 'garbage\n');
    await expect(session.reload(ALL)).rejects.toThrow(/refuses CONFIG SET/);
    expect(await cli(primary, 'PING')).toBe('PONG');
    await place('redis-1');
    await session.reload(ALL);
  });

  test('a server of another CA is told nothing', async () => {
    const foreign = await Authority.init(join(servers.directory, 'billing'), 'billing');
    await foreign.issueInventory(INVENTORY.replace('orders', 'billing'));
    // It trusts our client, and is another cluster's.
    const files = join(servers.directory, 'foreign-tls');
    await cp(foreign.node('redis-1', 'data'), files, { recursive: true });
    const theirs = await readFile(join(files, 'ca.pem'));
    await writeFile(join(files, 'ca.pem'), Buffer.concat([theirs, await readFile(join(ca.client('app'), 'ca.pem'))]));
    const other = await startRedis(servers, { name: 'foreign', port: await freePort(), files });
    const { session } = await openSession({
      kind: 'redis',
      address: `127.0.0.1:${other.port}`,
      dir: files,
      client: ca.client('app'),
    });
    expect(messages(await session.preflight(ALL))).toContain(
      'shows a certificate that is not to be trusted: it is of another CA',
    );
    await session.close();
    await other.server.stop();
  });

  test('CONFIG that is switched off in its configuration is said', async () => {
    const files = dir('redis-1');
    const port = await freePort();
    const include = join(servers.directory, 'locked.conf');
    await writeFile(include, 'rename-command CONFIG ""\n');
    const locked = await startRedis(servers, {
      name: 'locked',
      port,
      files,
      settings: { include },
    });
    const { session } = await openSession({
      kind: 'redis',
      address: `127.0.0.1:${port}`,
      dir: files,
      client: ca.client('app'),
    });
    expect(messages(await session.preflight(ALL))).toMatch(
      /unknown command.* \| is the command renamed or switched off/,
    );
    await session.close();
    await locked.server.stop();
  });

  test('the version that this was seen with', async () => {
    const { stdout } = await run(program('redis-server'), ['--version']);
    expect(stdout).toMatch(/v=7\./);
  });
});
