import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { SENTINEL_RIGHTS } from '../../src/targets/sentinel.ts';
import { Authority, fingerprintOf } from '../live/authority.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers, until } from '../support/servers.ts';
import { redisCli, startRedis } from '../support/servers-redis.ts';
import { type Sentinel, startSentinel } from '../support/servers-sentinel.ts';
import { material, served } from '../support/tls.ts';
import { messages, type Opened, openSession, refusalOf } from './session.ts';

const SENTINELS = ['sentinel-1', 'sentinel-2', 'sentinel-3'];
const INVENTORY = `
cluster: orders
nodes:
${[...SENTINELS, 'redis-1', 'redis-2'].map((name) => `  ${name}: { ip: [127.0.0.1], planes: [data] }`).join('\n')}
  rsa-1: { ip: [127.0.0.1], planes: [data], keyType: rsa-2048 }
  server-1: { ip: [127.0.0.1], planes: [data], profile: server }
  client-1: { ip: [127.0.0.1], planes: [data], profile: client }
clients: { app: {} }
`;
const ALL = { certificate: true, trust: true, crl: false };

const describeLive = await describeWith('redis-server', 'redis-cli', 'redis-sentinel');
const servers = new Servers('sentinel-target');

test('what reload takes', () => {
  const command = ['systemctl', 'restart', 'redis-sentinel'];
  expect(refusalOf('sentinel', { command })).toBeUndefined();
  expect(refusalOf('sentinel', { command, user: 'x', passwordFile: '/p', timeout: '1m' })).toBeUndefined();
  expect(refusalOf('sentinel', {})).toBeDefined();
  expect(refusalOf('sentinel', { command, user: 'x' })).toBe('user wants passwordFile');
  expect(refusalOf('sentinel', { command: [] })).toBeDefined();
});

describeLive('three Sentinels that watch a primary and its replica', () => {
  let ca: Authority;
  const sentinels = new Map<string, Sentinel>();
  const opened: Opened[] = [];
  const at = (name: string): string => join(servers.directory, name);
  const dir = (name: string): string => at(`${name}-tls`);
  const sentinel = (name: string): Sentinel => sentinels.get(name) as Sentinel;
  const cli = (name: string, ...words: string[]): Promise<string> =>
    redisCli(ca.client('app'), sentinel(name).port, ...words);
  const open = async (
    name: string,
    more: { reload?: string; timeout?: string; dir?: string } = {},
  ): Promise<Opened> => {
    const { port, restart } = sentinel(name);
    const { timeout = '10s', ...rest } = more;
    const one = await openSession({
      kind: 'sentinel',
      address: `127.0.0.1:${port}`,
      dir: dir(name),
      reload: `{ command: ${JSON.stringify(restart)}, timeout: ${timeout} }`,
      client: ca.client('app'),
      ...rest,
    });
    opened.push(one);
    return one;
  };
  const place = async (name: string, from = name, files = ['key', 'ca', 'cert']): Promise<void> => {
    for (const file of files) await cp(join(ca.node(from, 'data'), `${file}.pem`), join(dir(name), `${file}.pem`));
  };
  const seen = async (name: string): Promise<string> => served(sentinel(name).port, await material(ca.client('app')));
  /** Every sentinel knows all others and the replica, and holds none for down. */
  const whole = async (): Promise<boolean> => {
    const views = await Promise.all(
      SENTINELS.map(async (name) => {
        const all = await Promise.all(
          ['MASTERS', 'SENTINELS orders', 'REPLICAS orders'].map((what) => cli(name, 'SENTINEL', ...what.split(' '))),
        );
        return all.join('\n');
      }),
    );
    return views.every(
      (view) =>
        !/_down|disconnected|in_progress/.test(view) &&
        /num-slaves\n1\n/.test(view) &&
        /num-other-sentinels\n2\n/.test(view),
    );
  };

  beforeAll(async () => {
    ca = await Authority.init(at('orders'), 'orders');
    await ca.issueInventory(INVENTORY);
    const primary = await startRedis(servers, {
      name: 'redis-1',
      port: await freePort(),
      files: ca.node('redis-1', 'data'),
    });
    const settings = { replicaof: `127.0.0.1 ${primary.port}` };
    await startRedis(servers, { name: 'redis-2', port: await freePort(), files: ca.node('redis-2', 'data'), settings });
    for (const name of SENTINELS) {
      await cp(ca.node(name, 'data'), dir(name), { recursive: true });
      sentinels.set(
        name,
        await startSentinel(servers, { name, port: await freePort(), files: dir(name), primary: primary.port }),
      );
    }
    await until('all know each other', whole);
  });

  afterEach(async () => {
    for (const { session } of opened.splice(0)) await session.close();
  });

  test('one after the other takes a new certificate by a restart, and none is held for down', async () => {
    for (const name of SENTINELS) {
      const { session, abilities, warnings } = await open(name);
      expect(abilities).toMatchObject({ certificate: 'restart', trust: 'restart', crl: 'none' });
      expect(session.rank).toBeUndefined();
      expect(await session.preflight(ALL)).toEqual([]);
      const { certificates } = await ca.run('rotate', name, '--out', ca.out);
      await place(name);
      await session.reload(ALL);
      expect(await seen(name)).toBe(fingerprintOf(certificates, name, 'data'));
      expect(await session.proof?.(ALL)).toBeUndefined();
      expect(warnings).toEqual([]);
      expect(await cli(name, 'SENTINEL', 'CKQUORUM', 'orders')).toMatch(/^OK 3 usable Sentinels/);
      await until('all know each other', whole);
    }
    for (const name of SENTINELS) expect(sentinel(name).server.output()).not.toContain('+sdown');
  });

  test('two at once are restarted one after the other', async () => {
    const both = await Promise.all(['sentinel-1', 'sentinel-2'].map((name) => open(name)));
    for (const { session } of both) expect(await session.preflight(ALL)).toEqual([]);
    await Promise.all(both.map(({ session }) => session.reload(ALL)));
    const last = (name: string, words: string): number => {
      const line = sentinel(name)
        .server.output()
        .split('\n')
        .findLast((one) => one.includes(words));
      return Date.parse(/\d\d? \w{3} \d{4} [\d:.]+/.exec(line ?? '')?.[0] ?? '');
    };
    // The second ended when down-after-milliseconds (3 s) of the first were over.
    expect(last('sentinel-2', 'ready to exit') - last('sentinel-1', 'Running mode=sentinel')).toBeGreaterThan(3000);
    expect(await whole()).toBe(true);
  });

  test('a command that lies, one that fails, one that hangs, one that is not there', async () => {
    const lying = await open('sentinel-1', { reload: '{ command: ["true"], timeout: 1s }' });
    await expect(lying.session.reload(ALL)).rejects.toThrow(
      /is the same process as before: the command has not restarted it/,
    );
    const failing = await open('sentinel-1', { reload: '{ command: [sh, -c, "echo no such unit >&2; exit 5"] }' });
    await expect(failing.session.reload(ALL)).rejects.toThrow('sh ended with 5 on this host: no such unit');
    const hanging = await open('sentinel-1', { reload: '{ command: [sleep, "60"], timeout: 1s }' });
    await expect(hanging.session.reload(ALL)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    const absent = await open('sentinel-1', { reload: '{ command: [/no/systemctl, restart, x] }' });
    expect(messages(await absent.session.preflight(ALL))).toBe(
      'there is no /no/systemctl on this host | is its path in the inventory right?',
    );
  });

  test('a configuration that names other files', async () => {
    const { session } = await open('sentinel-1', { dir: at('elsewhere') });
    const problems = messages(await session.preflight(ALL));
    for (const [setting, file] of [
      ['tls-cert-file', 'cert.pem'],
      ['tls-key-file', 'key.pem'],
      ['tls-ca-cert-file', 'ca.pem'],
    ])
      expect(problems).toContain(
        `has ${setting} ${dir('sentinel-1')}/${file} in ${sentinel('sentinel-1').configuration}, and not ${at('elsewhere')}/${file}`,
      );
  });

  test('an ACL user with just the rights that are documented, and one with fewer', async () => {
    const passwordFile = at('password');
    await writeFile(passwordFile, 'correct horse\n', { mode: 0o600 });
    for (const name of SENTINELS)
      await cli(name, 'ACL', 'SETUSER', 'deployer', 'on', '>correct horse', '-@all', ...SENTINEL_RIGHTS.split(' '));
    await cli('sentinel-1', 'ACL', 'SETUSER', 'poor', 'on', '>correct horse', '-@all', '+ping');
    const command = JSON.stringify(sentinel('sentinel-1').restart);
    const poor = await open('sentinel-1', {
      reload: `{ command: ${command}, user: poor, passwordFile: ${passwordFile} }`,
    });
    expect(messages(await poor.session.preflight(ALL))).toMatch(
      /refuses SENTINEL MASTERS: NOPERM .* \| give the user poor what it needs: ACL SETUSER poor \+ping/,
    );
    const { session, warnings } = await open('sentinel-1', {
      reload: `{ command: ${command}, user: deployer, passwordFile: ${passwordFile} }`,
    });
    expect(await session.preflight(ALL)).toEqual([]);
    // ACL SAVE is for an aclfile; its own configuration file is what a Sentinel rewrites.
    await cli('sentinel-1', 'SENTINEL', 'FLUSHCONFIG');
    await session.reload(ALL);
    expect(await session.proof?.(ALL)).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  test('a pair that does not match ends it at start, a key of another type leaves it serving nobody; the right files heal it', async () => {
    for (const from of ['redis-1', 'rsa-1']) {
      const { session } = await open('sentinel-2', { timeout: '2s' });
      expect(await session.preflight(ALL)).toEqual([]);
      await place('sentinel-2', from, ['key']);
      await expect(session.reload(ALL)).rejects.toThrow(
        /does not answer 2 s after its restart: .*(connection refused|no common cipher)/,
      );
      await place('sentinel-2');
      // One that begins only now meets a Sentinel that cannot be asked, and cures it.
      const later = await open('sentinel-2');
      expect(await later.session.preflight(ALL)).toEqual([]);
      expect(later.warnings.join()).toMatch(/cannot be asked before it is restarted|^$/);
      await later.session.reload(ALL);
      await until('all know each other', whole);
    }
  });

  test('a certificate that the others do not accept: seen from its own side, or from theirs', async () => {
    const { session } = await open('sentinel-3', { timeout: '1s' });
    expect(await session.preflight(ALL)).toEqual([]);
    // As a client it is refused by all: it holds them for down.
    await place('sentinel-3', 'server-1', ['key', 'cert']);
    await expect(session.reload(ALL)).rejects.toThrow(
      /after its restart: it holds .* of orders for down|there is no quorum/,
    );
    // As a server it is refused by all: they hold it for down, and it sees nothing wrong.
    await place('sentinel-3', 'client-1', ['key', 'cert']);
    await session.reload(ALL);
    await until('they have seen it', async () => (await session.proof?.(ALL)) !== undefined);
    expect(await session.proof?.(ALL)).toMatch(/the sentinel at 127\.0\.0\.1:\d+ holds it for down \(.*s_down/);
    // Once more alone among the others: what sees nobody may be restarted, and is cured by it.
    await place('sentinel-3', 'server-1', ['key', 'cert']);
    await expect(session.reload(ALL)).rejects.toThrow(/after its restart/);
    const cure = await open('sentinel-3');
    expect(await cure.session.preflight(ALL)).toEqual([]);
    await place('sentinel-3');
    await cure.session.reload(ALL);
    await until('all know each other', whole);
    expect(await cure.session.proof?.(ALL)).toBeUndefined();
  });

  test('while it fails over, and while another sentinel is down, none is restarted', async () => {
    const { session } = await open('sentinel-1');
    expect(await session.preflight(ALL)).toEqual([]);
    await cli('sentinel-1', 'SENTINEL', 'FAILOVER', 'orders');
    expect(messages(await session.preflight(ALL))).toContain('orders is failing over | wait until it has ended');
    await until('it has failed over', whole);
    expect(await session.preflight(ALL)).toEqual([]);
    const down = sentinel('sentinel-3');
    await down.server.stop();
    await until('it is held for down', async () =>
      (await cli('sentinel-1', 'SENTINEL', 'SENTINELS', 'orders')).includes('s_down'),
    );
    expect(messages(await session.preflight(ALL))).toMatch(
      /only 2 of 3 sentinels of orders can be used, and 2 must be left without this one/,
    );
    expect(await readFile(down.configuration, 'utf8')).toContain('sentinel known-sentinel orders');
  });
});
