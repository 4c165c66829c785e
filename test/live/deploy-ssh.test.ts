import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from '@jest/globals';
import type { DeployDocument, ServiceObject } from '../../src/deployment/document.ts';
import { canTrace, traced } from '../cli/strace.ts';
import type { RunOptions, RunResult } from '../support/cli.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers, until } from '../support/servers.ts';
import { startHaProxy } from '../support/servers-haproxy.ts';
import { startRedis } from '../support/servers-redis.ts';
import { makeKey, type Sshd, startSshd } from '../support/servers-ssh.ts';
import { ask, material, served } from '../support/tls.ts';
import { warmCli } from '../support/warm.ts';
import { Authority } from './authority.ts';

const NODES = ['redis-1', 'proxy-1', 'web-1'] as const;
const LEFT_BEFORE = privateDirectories();
const SERVER = fileURLToPath(new URL('../support/reloading-server.mjs', import.meta.url));

const describeLive = await describeWith('sshd', 'ssh', 'redis-server', 'haproxy');
const servers = new Servers('deploy-ssh');

describeLive('deploy to nodes that ssh reaches', () => {
  let ca: Authority;
  let sshd: Sshd;
  const ports = new Map<string, number>();
  const at = (...names: string[]): string => join(servers.directory, ...names);
  const dir = (name: string): string => at('etc', name);
  const port = (name: string): number => ports.get(name) as number;
  const pidFile = (): string => at('web-1.pid');
  const hangUp = (): string[] => ['sh', '-c', `kill -HUP $(cat ${pidFile()})`];

  /** Writes the inventory: redis, HAProxy with its two sockets, and a server that a command reloads. */
  const say = (command = hangUp(), more = '', ssh = sshd.destination): Promise<void> => {
    const node = (name: string, rest: string): string =>
      `  ${name}: { ip: [127.0.0.1], planes: [data], ssh: "${ssh}", services: [{ address: "127.0.0.1:${port(name)}", dir: "${dir(name)}", ${rest} }] }`;
    const sockets = `socket: ${at('haproxy.sock')}, masterSocket: ${at('master.sock')}`;
    return writeFile(
      ca.inventory,
      `cluster: orders
nodes:
${node('redis-1', 'kind: redis')}
${node('proxy-1', `kind: haproxy, reload: { ${sockets} }`)}
${node('web-1', `kind: exec, reload: { command: ${JSON.stringify(command)}${more} }`)}
clients: { app: { services: [{ kind: files, dir: ${at('etc/app')} }] } }
`,
    );
  };

  const env = (): Record<string, string> => ({ ...ca.env, PATH: sshd.path });
  const run = (args: string[], options: RunOptions = {}): Promise<RunResult> =>
    warmCli([...args, '--inventory', ca.inventory, '--json', '--yes'], { env: env(), timeout: 120_000, ...options });
  const deploy = (options?: RunOptions): Promise<RunResult> => run(['deploy', '--from', ca.out], options);
  const deployWeb = (options?: RunOptions): Promise<RunResult> => run(['deploy', 'web-1', '--from', ca.out], options);
  const of = (result: RunResult, name: string): ServiceObject => {
    const found = (result.json() as DeployDocument).services.find(({ node }) => node === name);
    if (found === undefined) throw new Error(`no ${name}: ${result.stdout}`);
    return found;
  };
  const states = (result: RunResult): string[] => NODES.map((name) => of(result, name).state);
  const every = (state: string): string[] => NODES.map(() => state);
  const serving = async (name: string): Promise<string> => served(port(name), await material(at('etc/app')));
  const issued = async (name: string): Promise<string> => {
    const { certificates } = (await warmCli(['list', '--node', name, '--json'], { env: env() })).json();
    return certificates[0].fingerprint;
  };

  /** Nothing of a run is left: not there, not here, and no connection. */
  async function expectTidy(): Promise<void> {
    for (const name of NODES) {
      const names = readdirSync(dir(name));
      expect([name, names.filter((entry) => /^\.cluster-ca\.\d/.test(entry)).length]).toEqual([name, 1]);
      const known = /^(\.cluster-ca\.(\d.*|current)|(cert|key|ca|crl|combined)\.pem)$/;
      expect([name, names.filter((entry) => !known.test(entry))]).toEqual([name, []]);
    }
    expect(sshDirectories()).toEqual([]);
    await until('no session is left', () => sshd.sessions().length === 0);
  }

  beforeAll(async () => {
    sshd = await startSshd(servers);
    makeKey(at('other'));
    ca = await Authority.init(at('orders'), 'orders');
    for (const name of NODES) ports.set(name, await freePort());
    await say();
    await run(['issue', '--out', ca.out]);
  });

  test('before anything listens the files are placed, with their modes, by links', async () => {
    const result = await deploy();
    expect([result.code, states(result), result.stderr]).toEqual([0, every('placed'), '']);
    await expectTidy();
    const second = await deploy();
    expect([second.code, states(second)]).toEqual([0, every('unchanged')]);
    await startRedis(servers, { name: 'redis-1', port: port('redis-1'), files: dir('redis-1') });
    const proxy = dir('proxy-1');
    const bind = { pem: join(proxy, 'combined.pem'), anchors: join(proxy, 'ca.pem'), crl: join(proxy, 'crl.pem') };
    const shard = `127.0.0.1:${port('redis-1')} ssl ca-file ${bind.anchors} verify required verifyhost redis-1.orders.internal crt ${bind.pem}`;
    await startHaProxy(servers, [{ name: 'front', port: port('proxy-1'), ...bind, server: shard }], {
      socket: at('haproxy.sock'),
      masterSocket: at('master.sock'),
    });
    await servers.start({
      name: 'web-1',
      directory: at('web-1'),
      file: process.execPath,
      args: [SERVER, dir('web-1'), String(port('web-1')), pidFile()],
      ready: async () => (await serving('web-1').catch(() => '')) !== '',
    });
    expect(await ask(port('proxy-1'), await material(at('etc/app')), 'PING\r\n')).toBe('+PONG\r\n');
  });

  test('rotate --all --deploy: each is confirmed by what it serves; HAProxy over its sockets there', async () => {
    const result = await run(['rotate', '--all', '--deploy']);
    expect([result.code, states(result), result.stderr]).toEqual([0, every('confirmed'), '']);
    for (const name of NODES) expect([name, await serving(name)]).toEqual([name, await issued(name)]);
    expect(await ask(port('proxy-1'), await material(at('etc/app')), 'PING\r\n')).toBe('+PONG\r\n');
    await expectTidy();
  });

  test('verify --inventory finds nothing to say', async () => {
    const result = await run(['verify', '--probe']);
    expect([result.code, result.json().findings]).toEqual([0, []]);
    expect(sshDirectories()).toEqual([]);
  });

  test('the CRL of a revocation reaches the one that reads one', async () => {
    await ca.issueClients('leaver');
    const result = await run(['revoke', 'client:leaver']);
    expect([result.code, result.stderr]).toEqual([0, '']);
    const crl = readFileSync(join(dir('proxy-1'), 'crl.pem'), 'utf8');
    expect(crl).toBe((await warmCli(['crl'], { env: env() })).stdout);
    await expectTidy();
  });

  (canTrace ? test : test.skip)(
    'a key is in no argument, no environment and no file here',
    async () => {
      await run(['rotate', 'web-1', '--out', ca.out]);
      const lines = readFileSync(join(ca.out, 'web-1/data/key.pem'), 'utf8')
        .split('\n')
        .filter((line) => line.length > 20);
      expect(lines.length).toBeGreaterThan(1);
      const log = at('trace');
      const words = ['-v', '-s', '200000', '-o', log, '-e', 'trace=execve,open,openat,creat,mkdir,rename,link,symlink'];
      const args = ['deploy', 'web-1', '--from', ca.out, '--inventory', ca.inventory, '--json', '--yes'];
      const result = await traced({ env: ca.env, out: at() }, words, args, { env: env(), timeout: 120_000 });
      expect([result.code, of(result, 'web-1').state]).toEqual([0, 'confirmed']);
      const trace = readFileSync(log, 'utf8');
      // The trace has what it is to have: the call of ssh that carries the key.
      expect(/"ssh"[^\n]*web-1\/\.cluster-ca\.\d[^\n]* key\.pem 600 /.test(trace)).toBe(true);
      for (const line of lines)
        expect([line, trace.includes(line), sshd.calls().includes(line)]).toEqual([line, false, false]);
      // What is made here: the keystore's own, and the socket of ssh.
      const made = [...trace.matchAll(/(?:open|openat|creat)\((?:AT_FDCWD, )?"([^"]*)", [^)]*O_CREAT/g)].map(
        ([, path = '']) => path,
      );
      const own = [
        ca.env.CLUSTER_CA_KEYSTORE as string,
        ca.env.XDG_STATE_HOME as string,
        at('etc/app'),
        at('sshd/calls'),
        '/dev/',
      ];
      expect(made.filter((path) => !own.some((start) => path.startsWith(start)))).toEqual([]);
      expect(made.length).toBeGreaterThan(0);
      await expectTidy();
    },
    180_000,
  );

  test.each([
    ['lies', ['true'], ', timeout: 1s', /and not the one that was placed/],
    ['fails', ['sh', '-c', 'echo no such unit >&2; exit 5'], '', /sh ended with 5 on ssh:\/\/.*: no such unit/],
    [
      'hangs',
      ['sh', '-c', 'sleep 303 & wait'],
      ', timeout: 1s',
      /sh did not end within 1 s on ssh:\/\/.*, and was killed/,
    ],
    [
      'is not there',
      ['/nonexistent/reload'],
      '',
      /cannot run \/nonexistent\/reload on ssh:\/\/.*: there is no such program|nonexistent/,
    ],
  ])(
    'a reload that %s: the files of before are put back, and in use',
    async (_, command, more, message) => {
      const before = await serving('web-1');
      const files = readFileSync(join(dir('web-1'), 'key.pem'), 'utf8');
      await run(['rotate', 'web-1', '--out', ca.out]);
      await say(command, more);
      const result = await deployWeb();
      expect([result.code, of(result, 'web-1').state]).toEqual([3, 'failed']);
      expect(of(result, 'web-1').error?.message).toMatch(message);
      expect([await serving('web-1'), readFileSync(join(dir('web-1'), 'key.pem'), 'utf8')]).toEqual([before, files]);
      await say();
      expect(of(await deployWeb(), 'web-1').state).toBe('confirmed');
      await expectTidy();
      await until('the hanging command is gone', () => !running('sleep\u0000303'));
    },
    180_000,
  );

  test('a host key that is not known, and one that has changed: nothing is placed, nothing accepted', async () => {
    const known = readFileSync(sshd.knownHosts, 'utf8');
    const before = await serving('web-1');
    await run(['rotate', 'web-1', '--out', ca.out]);
    for (const [content, message] of [
      ['', /is not known$/],
      [known.replace(/ AAAA\S+/, ` ${readFileSync(at('other.pub'), 'utf8').split(' ')[1]}`), /has changed/],
    ] as const) {
      writeFileSync(sshd.knownHosts, content);
      const result = await deployWeb();
      expect(result.code).toBe(3);
      expect(of(result, 'web-1')).toMatchObject({ error: { message: expect.stringMatching(message) } });
      expect(readFileSync(sshd.knownHosts, 'utf8')).toBe(content);
      expect(await serving('web-1')).toBe(before);
    }
    writeFileSync(sshd.knownHosts, known);
    expect((await deployWeb()).code).toBe(0);
    await expectTidy();
  });

  test('a host that is down is pending, and done when it is up', async () => {
    await sshd.kill();
    const result = await run(['rotate', '--all', '--deploy']);
    expect([result.code, states(result)]).toEqual([3, every('pending')]);
    expect(of(result, 'web-1').error?.message).toMatch(/connection refused/);
    sshd = await startSshd(servers, 'sshd-2');
    await say();
    const next = await run(['deploy']);
    expect([next.code, states(next)]).toEqual([0, every('confirmed')]);
    for (const name of NODES) expect([name, await serving(name)]).toEqual([name, await issued(name)]);
    await expectTidy();
  });

  test('killed while a command runs there: the connection ends with it, and the next run makes it whole', async () => {
    await run(['rotate', 'web-1', '--out', ca.out]);
    await say(['sh', '-c', 'exec sleep 5']);
    await deployWeb({
      onSpawn: (child) =>
        void until('the command runs', () => running('sleep\u00005')).then(() => child.kill('SIGKILL')),
    });
    await until('no session is left', () => sshd.sessions().length === 0);
    await say();
    // A run sweeps what killed ones have left, once it has been idle for a minute.
    for (const name of sshDirectories()) utimesSync(join(tmpdir(), name), 0, 0);
    const next = await deployWeb();
    expect([next.code, of(next, 'web-1').state]).toEqual([0, 'confirmed']);
    expect(await serving('web-1')).toBe(await issued('web-1'));
    await expectTidy();
  });
});

/** Private directories that processes which are gone have left since this file was loaded. */
function sshDirectories(): string[] {
  return privateDirectories().filter(
    (name) => !LEFT_BEFORE.includes(name) && !existsSync(`/proc/${/\d+/.exec(name)?.[0]}`),
  );
}

function privateDirectories(): string[] {
  return readdirSync(tmpdir()).filter((name) => /^cluster-ca-ssh-\d+-/.test(name));
}

/** Whether a process with these arguments, side by side, is there. */
function running(words: string): boolean {
  return readdirSync('/proc').some((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(words);
    } catch {
      return false;
    }
  });
}
