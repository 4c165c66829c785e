import { appendFileSync } from 'node:fs';
import { appendFile, copyFile, cp, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { Change } from '../../src/targets/target.ts';
import { Authority, fingerprintOf } from '../live/authority.ts';
import { describeWith } from '../support/debian.ts';
import { Servers, until } from '../support/servers.ts';
import { type EtcdMember, etcdPlaces, startEtcd, startEtcdCluster } from '../support/servers-etcd.ts';
import { askAll, material, served } from '../support/tls.ts';
import { messages, type Opened, openSession, refusalOf } from './session.ts';

const describeLive = await describeWith('etcd');
const servers = new Servers('target-etcd');
const NODES = ['etcd-1', 'etcd-2', 'etcd-3'];
const TRUST: Change = { certificate: false, trust: true, crl: false };
const CERTIFICATE: Change = { certificate: true, trust: false, crl: true };

describeLive('etcd as a target: three members with mutual TLS for clients and peers', () => {
  let ca: Authority;
  let other: Buffer;
  let members: EtcdMember[];
  const member = (i: number): EtcdMember => members[i] as EtcdMember;
  const pid = async ({ pidFile }: EtcdMember): Promise<string> => (await readFile(pidFile, 'utf8')).trim();

  async function gateway(of: EtcdMember, path: string): Promise<{ leader?: string; header: { member_id: string } }> {
    const request = `POST ${path} HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}`;
    const answer = await askAll(of.port, await material(ca.client('app')), request);
    return JSON.parse(answer.split('\r\n\r\n')[1] ?? '');
  }
  async function leads(of: EtcdMember): Promise<boolean> {
    const { header, leader } = await gateway(of, '/v3/maintenance/status');
    return header.member_id === leader;
  }
  async function leaderOf(): Promise<EtcdMember> {
    for (const one of members) if (await leads(one)) return one;
    throw new Error('no leader');
  }
  async function follower(): Promise<EtcdMember> {
    for (const one of members) if (!(await leads(one))) return one;
    throw new Error('no follower');
  }

  function open(of: EtcdMember, port: 'client' | 'peer', reload = '{}', timeout = 5_000): Promise<Opened> {
    const address = `127.0.0.1:${port === 'client' ? of.port : of.peerPort}`;
    return openSession({ kind: 'etcd', address, dir: of.files, reload, client: ca.client('app'), timeout });
  }
  const restartOf = ({ restart }: EtcdMember): string => `command: ${JSON.stringify(restart)}`;

  /** Both CAs in the trust bundle, or the one. */
  async function trust(of: EtcdMember, both: boolean): Promise<void> {
    const [next, file] = [join(of.files, 'next.pem'), join(of.files, 'ca.pem')];
    await copyFile(join(ca.client('app'), 'ca.pem'), next);
    if (both) await appendFile(next, other);
    await rename(next, file);
  }

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    const nodes = NODES.map((name) => `  ${name}: { ip: [127.0.0.1], planes: [control] }\n`).join('');
    await ca.issueInventory(`cluster: orders\nnodes:\n${nodes}clients: { app: {} }\n`);
    const billing = await Authority.init(join(servers.directory, 'billing'), 'billing');
    await billing.issueClients('app');
    other = await readFile(join(billing.client('app'), 'ca.pem'));
    const places = NODES.map((name) => join(servers.directory, 'services', name));
    for (const [i, name] of NODES.entries())
      await cp(ca.node(name, 'control'), places[i] as string, { recursive: true });
    members = await startEtcdCluster(servers, await etcdPlaces(places));
  });

  test('what it says it can do', async () => {
    expect((await open(member(0), 'client')).abilities).toEqual({
      certificate: 'handshake',
      trust: 'restart',
      crl: 'issuing',
      combined: false,
      connections: 'none',
    });
    expect(refusalOf('etcd', { command: 'systemctl restart etcd' })).toMatch(/expected array/);
    expect(refusalOf('etcd', { clientAddress: 'etcd-1' })).toBe('an address: HOST:PORT');
    expect(refusalOf('etcd', { timeout: 'long' })).toBe('a duration such as 30s');
    expect(refusalOf('etcd', { pidFile: '/run/etcd.pid' })).toMatch(/pidFile/);
  });

  test('a new certificate is served on both ports though nothing is run', async () => {
    const one = member(0);
    const rotated = await ca.rotateAll();
    const before = await pid(one);
    for (const name of ['key.pem', 'cert.pem'])
      await copyFile(join(ca.node('etcd-1', 'control'), name), join(one.files, name));
    for (const port of ['client', 'peer'] as const) {
      const { session } = await open(one, port, '{ command: ["false"] }');
      expect(await session.preflight(CERTIFICATE)).toEqual([]);
      await session.reload(CERTIFICATE);
      expect(await session.proof?.(CERTIFICATE)).toBeUndefined();
      await session.close();
    }
    const own = await material(ca.client('app'));
    for (const port of [one.port, one.peerPort])
      expect(await served(port, own)).toBe(fingerprintOf(rotated, 'etcd-1', 'control'));
    expect(await pid(one)).toBe(before);
  });

  test('the leader goes last, whichever of its ports is asked', async () => {
    for (const one of members)
      for (const port of ['client', 'peer'] as const) {
        const { session } = await open(one, port);
        expect(await session.rank?.()).toBe((await leads(one)) ? 1 : 0);
      }
    const { session } = await open(member(1), 'peer', `{ clientAddress: "127.0.0.1:${member(1).port}" }`);
    expect(await session.rank?.()).toBe((await leads(member(1))) ? 1 : 0);
  });

  test('a change of trust wants a command, and says where to put it', async () => {
    const { session } = await open(member(0), 'client');
    expect(await session.preflight(CERTIFICATE)).toEqual([]);
    const said = messages(await session.preflight(TRUST));
    expect(said).toContain(`etcd 127.0.0.1:${member(0).port} reads at its start alone`);
    expect(said).toContain('cluster.yaml:5:16: reload: { command: [systemctl, restart, etcd] }');
    await expect(session.reload(TRUST)).rejects.toMatchObject({ code: 'ERR_REMOTE' });
  });

  test('a change of trust restarts a follower, and waits for it', async () => {
    const one = await follower();
    const before = await pid(one);
    const { session, warnings } = await open(one, 'client', `{ ${restartOf(one)} }`);
    expect(await session.preflight(TRUST)).toEqual([]);
    await trust(one, true);
    expect(await session.proof?.(TRUST)).toMatch(
      /does not trust CN=billing Root CA G1, which .*ca\.pem has: is that the file/,
    );
    await session.reload(TRUST);
    expect(await pid(one)).not.toBe(before);
    expect(await session.proof?.(TRUST)).toBeUndefined();
    expect(warnings).toEqual([]);
    await trust(one, false);
    expect(await session.proof?.(TRUST)).toMatch(/still trusts CN=billing Root CA G1/);
    await session.reload(TRUST);
    expect(await session.proof?.(TRUST)).toBeUndefined();
  });

  test('the leader hands over before its restart: nobody sees it change without warning', async () => {
    const one = await leaderOf();
    const { session, warnings } = await open(one, 'peer', `{ ${restartOf(one)} }`);
    expect(await session.preflight(TRUST)).toEqual([]);
    await session.reload(TRUST);
    expect(warnings).toEqual([]);
    expect(await leads(one)).toBe(false);
    // Who stops as the leader says so itself; here it had handed over before the command ran.
    const log = one.server.output();
    expect(log).toMatch(/finished leader(ship)? transfer/);
    expect(log.search(/finished leader(ship)? transfer/)).toBeLessThan(log.lastIndexOf('received terminated signal'));
    expect(await session.proof?.(TRUST)).toBeUndefined();
  });

  test('a command that fails, hangs, or does nothing: it says so, and what runs is left alone', async () => {
    const one = member(0);
    const before = await pid(one);
    for (const [command, said] of [
      ['["sh", "-c", "echo no such unit >&2; exit 5"]', /sh ended with 5 on this host: no such unit/],
      ['["sleep", "60"]', /sleep did not end within 2 s, and was killed/],
      ['["true"]', /true ended with 0, and etcd 127\.0\.0\.1:\d+ was not restarted/],
      ['["/no/such/program"]', /cannot run \/no\/such\/program/],
    ] as const) {
      const { session } = await open(one, 'client', `{ command: ${command}, timeout: 2s }`);
      await expect(session.reload(TRUST)).rejects.toThrow(said);
      // The files of before are put back now, and are what it has in use: no second attempt.
      await session.reload(TRUST);
    }
    expect(await pid(one)).toBe(before);
  });

  test('one that does not come back in time is said to be ill', async () => {
    const one = await follower();
    const stop = ['sh', '-c', `kill -STOP ${one.server.pid}; kill $(cat ${one.pidFile})`];
    const { session } = await open(one, 'client', `{ command: ${JSON.stringify(stop)}, timeout: 3s }`);
    const failed = session.reload(TRUST);
    await expect(failed).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await expect(failed).rejects.toThrow(/is not healthy 3 s after its restart: cannot reach .*connection refused/);
    one.server.signal('SIGCONT');
    await until('it is there again', async () => (await askHealth(one)).includes('"health":"true"'));
  });

  test('no restart without a quorum of the others, found out before and again at the last moment', async () => {
    const [one, down] = [await leaderOf(), await follower()];
    const { session } = await open(one, 'client', `{ ${restartOf(one)} }`, 2_000);
    const before = await pid(one);
    down.server.signal('SIGSTOP');
    const ended = await pid(down);
    process.kill(Number(ended), 'SIGKILL');
    await until('it is gone', async () => (await askHealth(down)) === 'gone');
    const said = messages(await session.preflight(TRUST));
    expect(said).toMatch(/cannot be restarted: while it restarts 1 of 3 members would be left, and 2 are needed/);
    expect(said).toContain(`127.0.0.1:${down.port}`);
    await expect(session.reload(TRUST)).rejects.toThrow(/is not restarted: while it restarts 1 of 3/);
    expect(await pid(one)).toBe(before);
    expect(await leads(one)).toBe(true);
    // Its certificate can be replaced all the same.
    expect(await session.preflight(CERTIFICATE)).toEqual([]);
    down.server.signal('SIGCONT');
    await until('it is there again', async () => (await askHealth(down)).includes('"health":"true"'));
    expect(await session.preflight(TRUST)).toEqual([]);
  });

  test('a member without its cluster is not healthy, and a restart is refused before, not as a cure', async () => {
    const [one, ...rest] = members as [EtcdMember, ...EtcdMember[]];
    for (const { server, pidFile } of rest) {
      server.signal('SIGSTOP');
      process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
    }
    await until('it has no quorum', async () => (await askHealth(one)).includes('"health":"false"'));
    const { session } = await open(one, 'client', `{ ${restartOf(one)}, timeout: 20s }`, 3_000);
    expect(messages(await session.preflight(TRUST))).toMatch(
      /is not healthy, and is not restarted so: .*\/health says HTTP 503/,
    );
    const before = await pid(one);
    const restarted = session.reload(TRUST);
    await until('it is another process', async () => (await pid(one)) !== before);
    for (const { server } of rest) server.signal('SIGCONT');
    await restarted;
    expect(await askHealth(one)).toContain('"health":"true"');
  });

  test('one that lets nobody in: a problem before, a restart when it is put right', async () => {
    const one = await follower();
    const { session } = await open(one, 'client', `{ ${restartOf(one)} }`, 2_000);
    const before = await pid(one);
    await writeFile(join(one.files, 'ca.pem'), 'garbage\n');
    process.kill(Number(before), 'SIGTERM');
    await until('it is another process', async () => (await pid(one)) !== before);
    expect(messages(await session.preflight(TRUST))).toMatch(/127\.0\.0\.1/);
    await trust(one, false);
    await session.reload(TRUST);
    expect(await session.proof?.(TRUST)).toBeUndefined();
    expect(await askHealth(one)).toContain('"health":"true"');
  });

  test('two services of one member, one set of files: one restart', async () => {
    const one = await follower();
    const generation = async (name: string): Promise<void> => {
      await mkdir(join(one.files, name));
      await symlink(name, join(one.files, 'next'));
      await rename(join(one.files, 'next'), join(one.files, '.cluster-ca.current'));
    };
    await generation('.cluster-ca.1');
    const reload = `{ ${restartOf(one)} }`;
    const [client, peer] = [await open(one, 'client', reload), await open(one, 'peer', reload)];
    await client.session.reload(TRUST);
    const after = await pid(one);
    await peer.session.reload(TRUST);
    expect(await pid(one)).toBe(after);
    await generation('.cluster-ca.2');
    await peer.session.reload(TRUST);
    expect(await pid(one)).not.toBe(after);
  });

  test('members that are to restart at the same time do it one after the other', async () => {
    const log = join(servers.directory, 'restarts');
    await Promise.all(
      members.map(async (one) => {
        const command = ['sh', '-c', `echo ${one.name} begins >>${log}; kill $(cat ${one.pidFile})`];
        const { session } = await open(one, 'client', `{ command: ${JSON.stringify(command)} }`);
        await session.reload(TRUST);
        appendFileSync(log, `${one.name} is done\n`);
      }),
    );
    const lines = (await readFile(log, 'utf8')).trim().split('\n');
    const order = lines.filter((line) => line.endsWith('begins')).map((line) => line.split(' ')[0]);
    expect(order.toSorted()).toEqual(['m1', 'm2', 'm3']);
    expect(lines).toEqual(order.flatMap((name) => [`${name} begins`, `${name} is done`]));
  });

  test('a member alone, with a certificate for servers only: why it does not say whether it leads', async () => {
    const alone = join(servers.directory, 'alone');
    await ca.run('issue', 'etcd-9', '--plane', 'control', '--profile', 'server', '--ip', '127.0.0.1', '--out', alone);
    const dir = join(alone, 'etcd-9', 'control');
    const { port } = await startEtcd(servers, dir, ca.client('app'));
    const reload = '{ command: ["true"] }';
    const { session } = await openSession({
      kind: 'etcd',
      address: `127.0.0.1:${port}`,
      dir,
      reload,
      client: ca.client('app'),
    });
    expect(messages(await session.preflight(TRUST))).toMatch(
      /answers \/v3\/maintenance\/status with HTTP 503: .* \| its certificate needs clientAuth too/,
    );
    expect(await session.preflight(CERTIFICATE)).toEqual([]);
  });

  async function askHealth({ port }: EtcdMember): Promise<string> {
    const asked = askAll(port, await material(ca.client('app')), 'GET /health HTTP/1.0\r\n\r\n');
    return asked.catch((error: NodeJS.ErrnoException) =>
      error.code === 'ECONNREFUSED' ? 'gone' : `${error.code} ${error}`,
    );
  }
});

describeLive('etcd whose peers alone have TLS', () => {
  let ca: Authority;
  let members: EtcdMember[];
  const member = (i: number): EtcdMember => members[i] as EtcdMember;
  const pid = async ({ pidFile }: EtcdMember): Promise<string> => (await readFile(pidFile, 'utf8')).trim();
  const open = ({ peerPort, files, restart }: EtcdMember): Promise<Opened> =>
    openSession({
      kind: 'etcd',
      address: `127.0.0.1:${peerPort}`,
      dir: files,
      reload: `{ command: ${JSON.stringify(restart)} }`,
      client: ca.client('app'),
      timeout: 2_000,
    });

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'peers'), 'orders');
    const nodes = NODES.map((name) => `  ${name}: { ip: [127.0.0.1], planes: [control] }\n`).join('');
    await ca.issueInventory(`cluster: orders\nnodes:\n${nodes}clients: { app: {} }\n`);
    const places = await etcdPlaces(NODES.map((name) => ca.node(name, 'control')));
    members = await startEtcdCluster(servers, places, { plainClients: true });
  });

  test('it cannot say who leads, and is restarted all the same, when its peers answer', async () => {
    const { session, warnings } = await open(member(0));
    const before = await pid(member(0));
    expect(await session.rank?.()).toBe(0);
    expect(await session.preflight(TRUST)).toEqual([]);
    await session.reload(TRUST);
    expect(await pid(member(0))).not.toBe(before);
    expect(await session.proof?.(TRUST)).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  test('and not when one of them does not', async () => {
    const { session } = await open(member(0));
    member(1).server.signal('SIGSTOP');
    process.kill(Number(await pid(member(1))), 'SIGKILL');
    const said = messages(await session.preflight(TRUST));
    expect(said).toMatch(/cannot be restarted: while it restarts 1 of 3 members would be left, and 2 are needed/);
    expect(said).toContain(`cannot reach 127.0.0.1:${member(1).peerPort}`);
    member(1).server.signal('SIGCONT');
    await until('it is there again', async () => (await session.preflight(TRUST)).length === 0);
  });
});
