import { appendFile, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type SecureVersion } from 'node:tls';
import { beforeAll, expect, test } from '@jest/globals';
import { LocalHost } from '../../src/hosts/local-host.ts';
import { childrenOf, readPid } from '../../src/targets/processes.ts';
import { Authority, type Certificate, fingerprintOf } from '../live/authority.ts';
import { describeWith } from '../support/debian.ts';
import { Servers } from '../support/servers.ts';
import { type Nginx, startNginx } from '../support/servers-nginx.ts';
import { askAll, type Material, material, open as openTls, refusal, served } from '../support/tls.ts';
import { messages, type Opened, openSession, refusalOf } from './session.ts';

const INVENTORY = `
cluster: orders
nodes:
  web-1: { ip: [127.0.0.1], planes: [data] }
  rsa-1: { ip: [127.0.0.1], planes: [data], keyType: rsa-2048 }
clients:
  app: {}
  leaver: {}
`;
const ALL = { certificate: true, trust: true, crl: true };
const REQUEST = 'GET / HTTP/1.0\r\n\r\n';
const HOST = new LocalHost();

/** A session that the server has given for resumption. */
function sessionOf(port: number, of: Material, version: SecureVersion): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = openTls(port, of, version);
    let session: Buffer | undefined;
    socket.on('session', (given) => {
      session = given;
    });
    socket.on('error', reject);
    socket.on('secureConnect', () => socket.write(REQUEST));
    socket.on('close', () => (session ? resolve(session) : reject(new Error('no session was given'))));
    socket.resume();
  });
}

/** What it answers, with a session to resume or in a new one. */
function inside(port: number, of: Material, version: SecureVersion, session?: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      ...of,
      minVersion: version,
      maxVersion: version,
      ...(session && { session }),
    });
    let answer = '';
    socket.on('error', reject);
    socket.on('secureConnect', () => socket.write(REQUEST));
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer));
  });
}

const describeLive = await describeWith('nginx');
const servers = new Servers('nginx-target');

test('what reload takes', () => {
  expect(refusalOf('nginx', { pidFile: '/p' })).toBeUndefined();
  expect(refusalOf('nginx', { command: ['nginx', '-s', 'reload'], test: ['nginx', '-t'] })).toBeUndefined();
  expect(refusalOf('nginx', {})).toBe('nginx wants pidFile or command');
  expect(refusalOf('nginx', { pidFile: '/p', signal: 'HUP' })).toContain('signal');
});

describeLive('nginx with a master and two workers', () => {
  let ca: Authority;
  let issued: Certificate[];
  let nginx: Nginx;
  let dir: string;
  const at = (name: string): string => join(servers.directory, name);
  const open = async (reload: string, timeout = 10_000): Promise<Opened> =>
    openSession({ kind: 'nginx', address: `127.0.0.1:${nginx.port}`, dir, reload, client: ca.client('app'), timeout });
  const words = (argv: string[]): string => JSON.stringify(argv);
  const tested = (): string => `{ pidFile: ${nginx.pidFile}, test: ${words(nginx.test)} }`;
  const workers = async (): Promise<number[]> => {
    const master = await readPid(HOST, nginx.pidFile);
    return (master === undefined ? undefined : await childrenOf(HOST, master)) ?? [];
  };
  const place = async (): Promise<void> => {
    for (const file of ['key.pem', 'ca.pem', 'cert.pem'])
      await cp(join(ca.node('web-1', 'data'), file), join(dir, file));
    await ca.run('crl', '--out', at('crl.pem'));
    await cp(at('crl.pem'), join(dir, 'crl.pem'));
  };
  const rotate = async (): Promise<string> =>
    fingerprintOf((await ca.run('rotate', 'web-1', '--out', ca.out)).certificates, 'web-1', 'data');
  const app = () => material(ca.client('app'));
  const seen = async (): Promise<string> => served(nginx.port, await app());

  beforeAll(async () => {
    ca = await Authority.init(at('orders'), 'orders');
    issued = await ca.issueInventory(INVENTORY);
    dir = at('web-tls');
    await cp(ca.node('web-1', 'data'), dir, { recursive: true });
    await place();
    nginx = await startNginx(servers, dir, join(dir, 'crl.pem'), { workers: 2 });
  });

  test('it takes new files when it is told to, and is left when no old worker takes connections any more', async () => {
    const { session, abilities, warnings } = await open(tested());
    expect(abilities).toMatchObject({ crl: 'every-level', combined: false, certificate: 'reload' });
    expect(await session.preflight(ALL)).toEqual([]);
    const before = await workers();
    const fingerprint = await rotate();
    await place();
    expect(await seen()).toBe(fingerprintOf(issued, 'web-1', 'data'));
    await session.reload(ALL);
    for (let i = 0; i < 20; i++) expect(await seen()).toBe(fingerprint);
    expect((await workers()).filter((pid) => before.includes(pid))).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test('the revoked are refused from the reload on', async () => {
    const leaver = await material(ca.client('leaver'));
    expect(await askAll(nginx.port, leaver, REQUEST)).toContain('welcome CN=leaver');
    await ca.run('revoke', 'leaver', '--yes');
    await place();
    const { session } = await open(tested());
    await session.reload(ALL);
    expect(await askAll(nginx.port, leaver, REQUEST)).toContain('The SSL certificate error');
    expect(await askAll(nginx.port, await app(), REQUEST)).toContain('welcome CN=app');
  });

  test('whom it trusts is seen in what it names to those who connect', async () => {
    const foreign = await Authority.init(at('billing'), 'billing');
    await foreign.issueClients('app');
    await appendFile(join(dir, 'ca.pem'), await readFile(join(foreign.client('app'), 'ca.pem')));
    const { session } = await open(tested());
    expect(await session.proof?.(ALL)).toContain('does not trust CN=billing Root CA G1');
    await session.reload(ALL);
    expect(await session.proof?.(ALL)).toBeUndefined();
    await place();
    expect(await session.proof?.(ALL)).toContain('still trusts CN=billing Root CA G1');
    await session.reload(ALL);
    expect(await session.proof?.(ALL)).toBeUndefined();
  });

  test('an old worker with a request under way goes on, and is warned of', async () => {
    const socket = openTls(nginx.port, await app());
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
    // The worker has read the beginning once another request on it has been answered.
    expect(await askAll(nginx.port, await app(), REQUEST)).toContain('welcome');
    const { session, warnings } = await open(tested());
    await session.reload(ALL);
    expect(warnings.join()).toContain('an old worker goes on with the old files');
    const answer = new Promise((resolve) => socket.once('data', (chunk) => resolve(String(chunk))));
    socket.write('\r\n');
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  test.each([
    [
      'a certificate with the key of another',
      () => rotate().then(() => cp(join(ca.node('web-1', 'data'), 'cert.pem'), join(dir, 'cert.pem'))),
    ],
    ['garbage where the trust bundle should be', () => writeFile(join(dir, 'ca.pem'), 'garbage\n')],
  ])('%s: all of the old configuration stays', async (_, spoil) => {
    const [before, pids] = [await seen(), await workers()];
    await spoil();
    const { session, warnings } = await open(tested());
    // In the files that are to be replaced it is no obstacle.
    expect(await session.preflight(ALL)).toEqual([]);
    expect(warnings.join()).toContain('with the files that it has now');
    await expect(session.reload(ALL)).rejects.toThrow(
      /nginx ended with 1 on this host: .*(key values mismatch|ca\.pem)/,
    );
    const untested = await open(`{ pidFile: ${nginx.pidFile} }`, 1_000);
    await expect(untested.session.reload(ALL)).rejects.toThrow(
      /has no new workers 1 s after its reload: it goes on with what it had/,
    );
    expect([await seen(), await workers()]).toEqual([before, pids]);
    await place();
    await session.reload(ALL);
    expect(await askAll(nginx.port, await app(), REQUEST)).toContain('welcome');
  });

  test('a key of another type: nginx -t is content and nobody is served; a reload of the right files heals it', async () => {
    const before = await seen();
    await cp(join(ca.node('rsa-1', 'data'), 'key.pem'), join(dir, 'key.pem'));
    const { session } = await open(tested());
    const taken = await session.reload(ALL).then(
      () => 'taken',
      (error: Error) => error.message,
    );
    expect(taken).toBe('taken');
    expect(await refusal(nginx.port, await app())).toMatch(/HANDSHAKE_FAILURE/);
    await place();
    expect(await session.preflight(ALL)).toEqual([]);
    await session.reload(ALL);
    expect(await seen()).toBe(before);
  });

  // docs/servers/nginx.md: nginx keeps a shared cache over a reload, and with it what it once thought of a client.
  test.each([
    ['ssl_session_cache shared:S:1m; ssl_session_tickets off;', ['TLSv1.3', 'TLSv1.2'], true],
    ['ssl_session_cache none;', ['TLSv1.3', 'TLSv1.2'], false],
  ] as const)('a client that is revoked meanwhile, with %s', async (line, versions, resumed) => {
    const good = await readFile(nginx.configuration, 'utf8');
    await writeFile(
      nginx.configuration,
      good.replace('ssl_verify_client on;', `ssl_verify_client on; ssl_protocols TLSv1.2 TLSv1.3; ${line}`),
    );
    const { session } = await open(tested());
    await session.reload(ALL);
    const name = `guest-${resumed}`;
    await ca.issueClients(name);
    const guest = await material(ca.client(name));
    const sessions = new Map<string, Buffer>();
    for (const version of versions) sessions.set(version, await sessionOf(nginx.port, guest, version));
    await ca.run('revoke', name, '--yes');
    await place();
    await session.reload(ALL);
    for (const version of versions) {
      expect(await inside(nginx.port, guest, version)).toContain('The SSL certificate error');
      expect(await inside(nginx.port, guest, version, sessions.get(version))).toContain(
        resumed ? `welcome CN=${name}` : 'The SSL certificate error',
      );
    }
    await writeFile(nginx.configuration, good);
    await session.reload(ALL);
  });

  test('by a command; one that fails, one that lies', async () => {
    const [file, ...args] = nginx.test;
    const signal = [file as string, ...args.slice(0, -1), '-s', 'reload'];
    for (const reload of [
      `{ command: ${words(signal)} }`,
      `{ command: ${words(signal)}, pidFile: ${nginx.pidFile} }`,
    ]) {
      const { session } = await open(reload);
      expect(await session.preflight(ALL)).toEqual([]);
      await session.reload(ALL);
    }
    const failing = await open(`{ command: ["false"] }`);
    await expect(failing.session.reload(ALL)).rejects.toThrow('false ended with 1 on this host');
    const lying = await open(`{ command: ["true"], pidFile: ${nginx.pidFile} }`, 500);
    await expect(lying.session.reload(ALL)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  test('what speaks against it before anything is placed', async () => {
    const look = async (reload: string): Promise<string> => messages(await (await open(reload)).session.preflight(ALL));
    expect(await look(`{ pidFile: ${at('nothing')} }`)).toContain(`${at('nothing')} names no process that runs`);
    await writeFile(at('stale.pid'), '4194304\n');
    expect(await look(`{ pidFile: ${at('stale.pid')} }`)).toContain('names no process that runs');
    expect(await look(`{ command: ["true"], test: [/no/nginx, -t] }`)).toContain(
      'cannot run /no/nginx: there is no such program',
    );
    const good = await readFile(nginx.configuration, 'utf8');
    await appendFile(nginx.configuration, 'nonsense on;\n');
    expect(await look(tested())).toMatch(
      /nginx ended with 1 on this host: unknown directive "nonsense" in .* \| look at it by hand there: .*nginx .* -t/,
    );
    await writeFile(nginx.configuration, good);
  });
});
