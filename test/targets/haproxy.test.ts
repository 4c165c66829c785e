import { appendFile, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { LocalHost } from '../../src/hosts/local-host.ts';
import { askHaProxy } from '../../src/targets/haproxy-socket.ts';
import { Authority, type Certificate, fingerprintOf } from '../live/authority.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers, until } from '../support/servers.ts';
import { type HaProxy, startHaProxy } from '../support/servers-haproxy.ts';
import { startRedis } from '../support/servers-redis.ts';
import { ask, material, refusal, served } from '../support/tls.ts';
import { RespConnection } from '../support/tls-resp.ts';
import { messages, type Opened, openSession, refusalOf } from './session.ts';

const INVENTORY = `
cluster: orders
nodes:
  redis-1: { ip: [127.0.0.1], planes: [data] }
  proxy-1: { ip: [127.0.0.1], planes: [data] }
clients:
  app: {}
  leaver: {}
`;
const CERTIFICATE = { certificate: true, trust: false, crl: false };
const CRL = { certificate: false, trust: false, crl: true };
const TRUST = { certificate: false, trust: true, crl: false };
const PING = 'PING\r\n';
const PONG = '+PONG\r\n';

const describeLive = await describeWith('haproxy', 'redis-server');
const servers = new Servers('haproxy-target');
const HOST = new LocalHost();

test('what reload takes', () => {
  expect(refusalOf('haproxy', {})).toBeUndefined();
  expect(
    refusalOf('haproxy', { socket: '/s', masterSocket: '/m', certificate: 'x.pem', config: '/c' }),
  ).toBeUndefined();
  expect(refusalOf('haproxy', { command: ['systemctl', 'reload', 'haproxy'], pidFile: '/p' })).toBeUndefined();
  expect(refusalOf('haproxy', { command: 'systemctl reload haproxy' })).toBeDefined();
  expect(refusalOf('haproxy', { certificate: 'a\nquit' })).toBeDefined();
});

describeLive('HAProxy in front of a Redis, mutual TLS on both sides', () => {
  let ca: Authority;
  let issued: Certificate[];
  let proxy: HaProxy;
  let port: number;
  let dir: string;
  const at = (name: string): string => join(servers.directory, name);
  const opened: Opened[] = [];

  const open = async (reload: string, more: { timeout?: number; dir?: string } = {}): Promise<Opened> => {
    const address = `127.0.0.1:${port}`;
    const one = await openSession({ kind: 'haproxy', address, dir, reload, client: ca.client('app'), ...more });
    opened.push(one);
    return one;
  };
  const both = (): string =>
    `{ socket: ${at('admin')}, masterSocket: ${at('master')}, config: ${proxy.configuration} }`;
  const say = (command: string, payload?: string) => askHaProxy(HOST, at('admin'), command, 5_000, payload);
  const worker = async (): Promise<string | undefined> => /^Pid: (\d+)/m.exec(await say('show info'))?.[1];
  const combine = async (certificate: string, key: string): Promise<void> => {
    const parts = [
      await readFile(join(ca.node(certificate, 'data'), 'cert.pem')),
      await readFile(join(ca.node(key, 'data'), 'key.pem')),
    ];
    await writeFile(join(dir, 'combined.pem'), Buffer.concat(parts));
  };
  /** New files by hand. */
  const place = async (): Promise<void> => {
    for (const file of ['key.pem', 'ca.pem', 'cert.pem'])
      await cp(join(ca.node('proxy-1', 'data'), file), join(dir, file), { recursive: true });
    await ca.run('crl', '--out', at('crl.pem'));
    await cp(at('crl.pem'), join(dir, 'crl.pem'));
    await combine('proxy-1', 'proxy-1');
  };
  const rotate = async (): Promise<string> =>
    fingerprintOf((await ca.run('rotate', 'proxy-1', '--out', ca.out)).certificates, 'proxy-1', 'data');
  const app = () => material(ca.client('app'));
  const seen = async (): Promise<string> => served(port, await app());
  const lasting = async (): Promise<RespConnection> => {
    const connection = await RespConnection.open(port, await app());
    expect(await connection.send('PING')).toBe('PONG');
    return connection;
  };
  const left = async (): Promise<string> => askHaProxy(HOST, at('master'), 'show proc', 5_000);

  beforeAll(async () => {
    ca = await Authority.init(at('orders'), 'orders');
    issued = await ca.issueInventory(INVENTORY);
    const redis = await startRedis(servers, {
      name: 'redis-1',
      port: await freePort(),
      files: ca.node('redis-1', 'data'),
    });
    dir = at('proxy-tls');
    await cp(ca.node('proxy-1', 'data'), dir, { recursive: true });
    await place();
    await cp(join(dir, 'combined.pem'), at('other.pem'));
    port = await freePort();
    const pem = join(dir, 'combined.pem');
    const anchors = join(dir, 'ca.pem');
    const server = `127.0.0.1:${redis.port} ssl ca-file ${anchors} verify required crt ${pem}`;
    const common = { anchors, crl: join(dir, 'crl.pem'), server };
    proxy = await startHaProxy(
      servers,
      [
        { name: 'good', port, pem, ...common },
        { name: 'other', port: await freePort(), pem: at('other.pem'), ...common },
      ],
      { socket: at('admin'), masterSocket: at('master'), pidFile: at('pid') },
    );
  });

  afterEach(async () => {
    for (const { session } of opened.splice(0)) await session.close();
  });

  test('nothing speaks against it', async () => {
    for (const reload of [both(), `{ socket: ${at('admin')}, pidFile: ${at('pid')} }`, `{ command: ["true"] }`]) {
      const { session, warnings, abilities } = await open(reload);
      for (const change of [CERTIFICATE, TRUST, CRL]) expect(await session.preflight(change)).toEqual([]);
      expect(warnings).toEqual([]);
      expect(abilities).toMatchObject({ combined: true, crl: 'every-level' });
    }
  });

  test('a certificate is set in the running worker: no reload, and the session of before goes on', async () => {
    const connection = await lasting();
    const before = await worker();
    const { session, warnings } = await open(both());
    const fingerprint = await rotate();
    await place();
    expect(await seen()).toBe(fingerprintOf(issued, 'proxy-1', 'data'));
    expect(await session.proof?.(CERTIFICATE)).toMatch(/has the certificate [0-9a-f]+ for .*combined\.pem$/);
    // Ages are whole seconds.
    await sleep(1_500);
    const since = new Date();
    await session.reload(CERTIFICATE);
    expect(await seen()).toBe(fingerprint);
    expect(await session.proof?.(CERTIFICATE)).toBeUndefined();
    expect([await worker(), warnings]).toEqual([before, []]);
    expect(await session.connections?.(since)).toEqual({ count: 1, what: '1 session' });
    expect(await connection.send('PING')).toBe('PONG');
    connection.close();
    expect(await ask(port, await app(), PING)).toBe(PONG);
  });

  test('after a CRL was committed at run time the next commit does nothing and says Success: it is seen, and reloaded', async () => {
    const crl = join(dir, 'crl.pem');
    const text = (await readFile(crl, 'utf8')).trim();
    expect(await say(`set ssl crl-file ${crl}`, text)).toContain('created');
    expect(await say(`commit ssl crl-file ${crl}`)).toContain('Success!');
    const only = await open(`{ socket: ${at('admin')}, certificate: ${at('other.pem')} }`);
    await expect(only.session.reload(CERTIFICATE)).rejects.toThrow(/commit ssl cert says Success, and nothing took it/);
    const before = await worker();
    const { session, warnings } = await open(both());
    const fingerprint = await rotate();
    await place();
    await session.reload(CERTIFICATE);
    expect(warnings.join()).toContain(
      'is reloaded, because the certificate could not be set at run time: it says Success, and serves another certificate',
    );
    expect(await worker()).not.toBe(before);
    expect(await seen()).toBe(fingerprint);
    expect(proxy.server.running).toBe(true);
  });

  test('a certificate with the key of another is taken neither way; what was before goes on, and nothing stays open', async () => {
    const [before, pid] = [await seen(), await worker()];
    await combine('proxy-1', 'redis-1');
    for (const [reload, said] of [
      [both(), /haproxy ended with 1 on this host: .*inconsistencies between private key and certificate loaded/],
      [`{ socket: ${at('admin')}, masterSocket: ${at('master')} }`, /could not be reloaded with these files/],
      [`{ socket: ${at('admin')} }`, /commit ssl cert says: inconsistencies between private key and certificate/],
    ] as const) {
      const { session } = await open(reload);
      await expect(session.reload(CERTIFICATE)).rejects.toThrow(said);
    }
    expect([await seen(), await worker()]).toEqual([before, pid]);
    expect(await say('show ssl cert')).not.toContain('# transaction');
    await place();
  });

  test('a CRL by a reload: the revoked are refused, an old worker goes on with its connections, which are counted', async () => {
    const leaver = await material(ca.client('leaver'));
    expect(await ask(port, leaver, PING)).toBe(PONG);
    await ca.run('revoke', 'leaver', '--yes');
    await place();
    const { session, warnings } = await open(both());
    expect(await session.preflight(CRL)).toEqual([]);
    expect(await session.proof?.(CRL)).toMatch(/has CRLs of .* and not of /);
    const connection = await lasting();
    await session.reload(CRL);
    expect(await refusal(port, leaver)).toBe('ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED');
    expect(await session.proof?.(CRL)).toBeUndefined();
    expect(await session.connections?.(new Date())).toEqual({ count: 1, what: '1 connection of old workers' });
    expect(await connection.send('PING')).toBe('PONG');
    connection.close();
    await until('the old worker is gone', async () => !/old workers[\s\S]*worker/.test(await left()));
    expect(await session.connections?.(new Date())).toEqual({ count: 0, what: '' });
    expect(warnings).toEqual([]);
  });

  test('trust by a reload, seen in what the worker has loaded', async () => {
    const foreign = await Authority.init(at('billing'), 'billing');
    await foreign.issueClients('app');
    await appendFile(join(dir, 'ca.pem'), await readFile(join(foreign.client('app'), 'ca.pem')));
    const { session } = await open(both());
    const blind = await open(`{ pidFile: ${at('pid')} }`);
    expect(await blind.session.proof?.(TRUST)).toContain('does not trust CN=billing Root CA G1');
    expect(await session.proof?.(TRUST)).toMatch(/trusts [0-9a-f]+ by .*ca\.pem, and not [0-9a-f]+, [0-9a-f]+$/);
    await session.reload(TRUST);
    expect(await session.proof?.(TRUST)).toBeUndefined();
    expect(await blind.session.proof?.(TRUST)).toBeUndefined();
    await place();
    expect(await session.proof?.(TRUST)).toBeDefined();
    await session.reload(TRUST);
    expect(await session.proof?.({ certificate: true, trust: true, crl: true })).toBeUndefined();
  });

  test('by the pid file, with and without the stats socket: an old worker that stays is warned of', async () => {
    for (const reload of [`{ pidFile: ${at('pid')} }`, `{ pidFile: ${at('pid')}, socket: ${at('admin')} }`]) {
      const connection = await lasting();
      const { session, warnings } = await open(reload);
      const before = await worker();
      await rotate();
      await place();
      await session.reload(TRUST);
      expect(await worker()).not.toBe(before);
      expect(warnings.join()).toContain('its old worker goes on with the old files until its connections end');
      connection.close();
    }
  });

  test('by a command; one that fails, one that hangs, and one that lies', async () => {
    const command = (script: string): string => `{ command: [sh, -c, "${script}"], masterSocket: ${at('master')} }`;
    const good = await open(command(`kill -USR2 $(cat ${at('pid')})`));
    const before = await worker();
    await good.session.reload(TRUST);
    expect(await worker()).not.toBe(before);
    const failing = await open(command('echo no such unit >&2; exit 5'));
    await expect(failing.session.reload(TRUST)).rejects.toThrow('sh ended with 5 on this host: no such unit');
    const hanging = await open(command('sleep 60'), { timeout: 500 });
    await expect(hanging.session.reload(TRUST)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    const lying = await open(command('true'), { timeout: 500 });
    await expect(lying.session.reload(TRUST)).rejects.toThrow(/has no new worker 0\.5 s after its reload/);
  });

  test('what speaks against it before anything is placed', async () => {
    const socket = at('admin');
    const look = async (reload: string, change = CERTIFICATE, more = {}): Promise<string> =>
      messages(await (await open(reload, more)).session.preflight(change));
    expect(await look(`{ socket: ${at('nothing')} }`)).toContain(
      `cannot connect to ${at('nothing')}: there is no such socket`,
    );
    expect(await look(`{ socket: ${socket}, certificate: site.pem }`)).toMatch(
      /has no certificate site\.pem; it has .*\.pem, .*\.pem \| bind .* certificate: NAME/,
    );
    expect(await look(`{ socket: ${socket} }`, CRL)).toContain(
      'is to be reloaded for its trust and CRLs, and the inventory does not say how',
    );
    expect(await look('{}')).toContain('the inventory does not say how');
    expect(await look(`{ pidFile: ${at('nothing')} }`)).toContain('names no process that runs');
    expect(await look(`{ masterSocket: ${socket} }`)).toContain("does not answer as HAProxy's master does");
    expect(await look(`{ socket: ${at('master')} }`)).toContain('has no certificate');
    const operator = at('operator');
    await appendFile(proxy.configuration, `\nglobal\n  stats socket ${operator} mode 600 level operator\n`);
    await (await open(both())).session.reload(TRUST);
    expect(await look(`{ socket: ${operator} }`)).toMatch(
      /lets .*operator do what operator may, which is too little \| stats socket .* level admin/,
    );
    const low = await open(both(), { dir: at('elsewhere') });
    expect(messages(await low.session.preflight(CERTIFICATE))).toContain(
      `has no certificate ${at('elsewhere')}/combined.pem`,
    );
    expect(low.warnings.join()).toContain(`has no ca-file ${at('elsewhere')}/ca.pem`);
  });

  test('a certificate that somebody is changing at run time: ours waits for them, and theirs is not touched', async () => {
    const other = at('other.pem');
    const pem = (await readFile(other, 'utf8')).replaceAll(/\n+/g, '\n').trim();
    expect(await say(`set ssl cert ${other}`, pem)).toContain('created');
    const { session } = await open(`{ socket: ${at('admin')} }`);
    expect(messages(await session.preflight(CERTIFICATE))).toContain(`somebody is changing the certificate ${other}`);
    await expect(session.reload(CERTIFICATE)).rejects.toThrow(`somebody is changing ${other} at run time`);
    expect(await say('show ssl cert')).toContain(`*${other}`);
    expect(await say(`abort ssl cert ${other}`)).toContain('aborted');
  });

  test('a certificate by another name, and one that is too long for the socket', async () => {
    const other = at('other.pem');
    const { session } = await open(`{ socket: ${at('admin')}, certificate: ${other}, masterSocket: ${at('master')} }`);
    expect(await session.preflight(CERTIFICATE)).toEqual([]);
    await session.reload(CERTIFICATE);
    expect(await session.proof?.(CERTIFICATE)).toBeUndefined();
    const long = await open(both(), { timeout: 3_000 });
    const pid = await worker();
    const chain = await readFile(join(dir, 'cert.pem'), 'utf8');
    const issuer = chain.slice(chain.lastIndexOf('-----BEGIN'));
    await appendFile(join(dir, 'combined.pem'), issuer.repeat(60));
    await long.session.reload(CERTIFICATE);
    expect(long.warnings.join()).toContain('could not be set at run time');
    expect(await worker()).not.toBe(pid);
    expect(await ask(port, await app(), PING)).toBe(PONG);
    await place();
    await long.session.reload(TRUST);
  });

  test('a configuration that does not load is found before; a bad file among those that are replaced is no obstacle', async () => {
    const good = await readFile(proxy.configuration, 'utf8');
    await appendFile(proxy.configuration, '\nlisten broken\n  bind 127.0.0.1:1 ssl crt /nowhere.pem\n');
    const { session, warnings } = await open(both());
    expect(messages(await session.preflight(TRUST))).toMatch(
      /haproxy ended with 1 on this host: .*\/nowhere\.pem.* \| look at it by hand there: .*haproxy -c -f .*haproxy\.cfg/,
    );
    await writeFile(proxy.configuration, good);
    await writeFile(join(dir, 'ca.pem'), 'garbage\n');
    expect(await session.preflight(TRUST)).toEqual([]);
    expect(warnings.join()).toContain('with the files that it has now: ');
    await expect(session.reload(TRUST)).rejects.toThrow(/ca\.pem/);
    await place();
    expect(await session.preflight(TRUST)).toEqual([]);
    await session.reload(TRUST);
    expect(await ask(port, await app(), PING)).toBe(PONG);
  });
});
