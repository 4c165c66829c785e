import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import type { ClusterCaError } from '../../src/errors.ts';
import { lifeOf } from '../../src/hosts/process-life.ts';
import { SshHost } from '../../src/hosts/ssh-host.ts';
import { describeWith, executable } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';
import { Servers, until } from '../support/servers.ts';
import { descendants, makeKey, type Sshd, type SshdOptions, startSshd } from '../support/servers-ssh.ts';

// What goes wrong with ssh, each told by its name, and nothing left of it on either side.

const isRoot = process.getuid?.() === 0;
const directory = await scratch('ssh');
const describeSsh = await describeWith('sshd', 'ssh');
const servers = new Servers('ssh');
const PATH = process.env.PATH;
const SECRET = 'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQ';

const ours = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith(`cluster-ca-ssh-${process.pid}-`));
const clients = (): number[] =>
  descendants(process.pid).filter((pid) => {
    try {
      return /^(.*\/)?ssh\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      return false;
    }
  });

let counter = 0;
const hosts: SshHost[] = [];

async function start(options: SshdOptions = {}): Promise<Sshd> {
  const sshd = await startSshd(servers, `sshd-${++counter}`, options);
  process.env.PATH = `${sshd.bin}:${PATH}`;
  return sshd;
}

function hostOf(destination: string): SshHost {
  const host = new SshHost(destination);
  hosts.push(host);
  return host;
}

async function failure(work: Promise<unknown>): Promise<ClusterCaError> {
  const result = await work.then(
    () => undefined,
    (error: ClusterCaError) => error,
  );
  if (result === undefined) throw new Error('it did not fail');
  return result;
}

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
  expect(ours()).toEqual([]);
  await until('no ssh is left', () => clients().length === 0);
});

describeSsh('no connection', () => {
  let sshd: Sshd;
  let known: string;

  beforeAll(async () => {
    sshd = await start({ lines: ['PasswordAuthentication yes'] });
    known = readFileSync(sshd.knownHosts, 'utf8');
  });
  afterEach(() => writeFileSync(sshd.knownHosts, known));

  test('a host key that is not known is an error, never accepted, with the way to add it', async () => {
    writeFileSync(sshd.knownHosts, '');
    const error = await failure(hostOf(sshd.destination).read('/etc/hostname'));
    expect(error).toMatchObject({
      code: 'ERR_REMOTE',
      message: `the host key of ${sshd.destination} is not known`,
      hint: expect.stringMatching(
        new RegExp(`^ssh-keyscan -t ed25519 -p ${sshd.port} 127\\.0\\.0\\.1 >key; compare .*known_hosts$`),
      ),
      details: { reason: 'host-key-unknown' },
    });
    expect(readFileSync(sshd.knownHosts, 'utf8')).toBe('');
    expect(sshd.server.output()).not.toMatch(/Accepted/);
  });

  test('the way to add it, as the hint says it', async () => {
    writeFileSync(sshd.knownHosts, '');
    const { hint = '' } = await failure(hostOf(sshd.destination).read('/etc/hostname'));
    const scan = /^(ssh-keyscan [^;]*) >key;/.exec(hint)?.[1] ?? '';
    writeFileSync(sshd.knownHosts, execFileSync('sh', ['-c', scan], { stdio: ['ignore', 'pipe', 'ignore'] }));
    await hostOf(sshd.destination).look('/');
  });

  test('a host key that has changed', async () => {
    const other = join(directory, 'other-key');
    makeKey(other);
    writeFileSync(sshd.knownHosts, `[127.0.0.1]:${sshd.port} ${readFileSync(`${other}.pub`, 'utf8')}`);
    const error = await failure(hostOf(sshd.destination).read('/etc/hostname'));
    expect(error).toMatchObject({
      code: 'ERR_REMOTE',
      message: expect.stringMatching(/^the host key of .* has changed \(ED25519, SHA256:[\w+/]{43}\): /),
      hint: expect.stringMatching(new RegExp(`ssh-keygen -R '\\[127\\.0\\.0\\.1\\]:${sshd.port}'`)),
    });
  });

  test('configuration that is careless changes nothing of it', async () => {
    const touched = join(directory, 'touched');
    const config = readFileSync(sshd.config, 'utf8');
    const port = await freePort();
    const careless = `StrictHostKeyChecking no
BatchMode no
LogLevel QUIET
RequestTTY force
RemoteCommand echo hello
PermitLocalCommand yes
LocalCommand touch ${touched}
LocalForward ${port} 127.0.0.1:1
ForwardAgent yes
ControlMaster auto
ControlPath ${join(directory, 'shared-%C')}
ControlPersist yes
UpdateHostKeys yes
`;
    try {
      writeFileSync(sshd.config, careless + config);
      const host = hostOf(sshd.destination);
      expect(await host.run(['sh', '-c', 'printf %s "$SSH_AUTH_SOCK$SSH_TTY"'], { timeout: 9_000 })).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
      expect(existsSync(touched)).toBe(false);
      expect(readdirSync(directory).filter((name) => name.startsWith('shared-'))).toEqual([]);
      expect(readFileSync(sshd.knownHosts, 'utf8')).toBe(known);
      writeFileSync(sshd.knownHosts, '');
      expect((await failure(hostOf(sshd.destination).look('/'))).details).toMatchObject({ reason: 'host-key-unknown' });
      expect(readFileSync(sshd.knownHosts, 'utf8')).toBe('');
    } finally {
      writeFileSync(sshd.config, config);
    }
  });

  test('one that asks for a password, or for a key that is not there', async () => {
    const keys = readFileSync(sshd.authorizedKeys);
    writeFileSync(sshd.authorizedKeys, '');
    try {
      const error = await failure(hostOf(sshd.destination).read('/etc/hostname'));
      expect(error).toMatchObject({
        code: 'ERR_REMOTE',
        message: expect.stringMatching(/asks for a password, or for a key that is not there \(publickey,password\)$/),
        hint: expect.stringMatching(/BatchMode=yes .* has to work: ssh-copy-id/),
      });
      expect(error.details).not.toHaveProperty('unreachable');
    } finally {
      writeFileSync(sshd.authorizedKeys, keys);
    }
  });

  test('a key with a passphrase, and one that others can read', async () => {
    const config = readFileSync(sshd.config, 'utf8');
    const keys = readFileSync(sshd.authorizedKeys);
    const key = join(directory, 'locked');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'a passphrase', '-f', key]);
    try {
      writeFileSync(sshd.authorizedKeys, readFileSync(`${key}.pub`));
      writeFileSync(sshd.config, config.replace(/IdentityFile .*/, `IdentityFile ${key}`));
      expect((await failure(hostOf(sshd.destination).look('/'))).details).toMatchObject({ reason: 'denied' });
      execFileSync('chmod', ['644', key]);
      expect(await failure(hostOf(sshd.destination).look('/'))).toMatchObject({
        details: { reason: 'denied' },
        message: expect.stringMatching(/locked was not used: bad permissions$/),
      });
    } finally {
      writeFileSync(sshd.authorizedKeys, keys);
      writeFileSync(sshd.config, config);
    }
  });

  test('a name from the configuration of ssh', async () => {
    expect(await hostOf('node-1').look('/')).toMatchObject({ type: 'directory' });
  });

  test('nothing listens; the name leads nowhere', async () => {
    expect(await failure(hostOf(`ssh://127.0.0.1:${await freePort()}`).look('/'))).toMatchObject({
      code: 'ERR_REMOTE',
      message: expect.stringMatching(/^cannot reach ssh:.*: 127\.0\.0\.1 port \d+: connection refused$/),
      details: { unreachable: true },
    });
    expect(await failure(hostOf('root@no-such-host.invalid').look('/'))).toMatchObject({
      code: 'ERR_REMOTE',
      message: expect.stringMatching(/^cannot reach root@no-such-host\.invalid: the name .* does not resolve/),
      details: { unreachable: true },
    });
  });

  test('no ssh here', async () => {
    const path = process.env.PATH;
    process.env.PATH = directory;
    try {
      expect(await failure(hostOf(sshd.destination).look('/'))).toMatchObject({
        code: 'ERR_REMOTE',
        message: 'cannot run ssh: there is no such program',
      });
    } finally {
      process.env.PATH = path;
    }
  });
});

describeSsh('odd logins', () => {
  test.each(['exec /usr/sbin/nologin', 'echo sftp only >&2; exit 1'])('no shell: %s', async (forced) => {
    const sshd = await start({ forced });
    expect(await failure(hostOf(sshd.destination).look('/'))).toMatchObject({
      code: 'ERR_REMOTE',
      message: expect.stringMatching(
        /lets us in and gives no shell: (This account is currently not available\.|sftp only)$/,
      ),
    });
  });

  test('a login that greets on both outputs', async () => {
    const forced = `echo Welcome; echo to the machine >&2; eval "$SSH_ORIGINAL_COMMAND"`;
    const host = hostOf((await start({ forced })).destination);
    expect(await host.run(['sh', '-c', 'echo out; echo err >&2'], { timeout: 9_000 })).toEqual({
      code: 0,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect(await host.read(join(directory, 'not there'))).toBeUndefined();
  });

  const shells = ['dash', 'bash', 'zsh', 'fish'].filter((name) => executable(name) !== undefined);
  test.each(shells)('login shell %s', async (shell) => {
    const host = hostOf((await start({ forced: `exec ${shell} -c "$SSH_ORIGINAL_COMMAND"` })).destination);
    const words = ["it's", '\\', "\\'", 'a\\\\b\n', '$HOME', '', ' '];
    const { stdout } = await host.run(['printf', '%s|', ...words], { timeout: 9_000 });
    expect(stdout).toBe(words.map((word) => `${word}|`).join(''));
    const path = join(directory, `${shell} \\' "x\n`);
    await host.makeSet(path, [{ name: "a'\\b", content: Buffer.from('x'), mode: 0o600 }], undefined);
    expect(await host.list(path)).toEqual(["a'\\b"]);
  });

  test('umask 077 there: what a service has to go through is 0755 all the same', async () => {
    const host = hostOf((await start({ forced: `umask 077; eval "$SSH_ORIGINAL_COMMAND"` })).destination);
    const path = join(directory, 'umask', 'tls');
    await host.makeDirectory(path);
    await host.makeSet(join(path, 'set'), [{ name: 'ca.pem', content: Buffer.from('x'), mode: 0o644 }], undefined);
    const modes = ['..', '.', 'set', 'set/ca.pem'].map(async (one) => (await lstat(join(path, one))).mode & 0o7777);
    expect(await Promise.all(modes)).toEqual([0o755, 0o755, 0o755, 0o644]);
  });

  test('a user who is not root is told what that user may not', async () => {
    if (!isRoot) return expect(process.getuid?.()).not.toBe(0);
    const forced = `exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "$SSH_ORIGINAL_COMMAND"`;
    const host = hostOf((await start({ forced })).destination);
    const open = join('/tmp', `cluster-ca-nobody-${process.pid}`);
    await mkdir(open);
    execFileSync('chmod', ['1777', open]);
    try {
      const path = join(open, 'secret');
      await writeFile(path, SECRET, { mode: 0o600 });
      const denied = { code: 'ERR_STORAGE', message: expect.stringMatching(/ on ssh:.*: permission denied$/) };
      await expect(host.read(path)).rejects.toMatchObject(denied);
      await expect(host.list(directory)).rejects.toMatchObject(denied);
      await expect(host.claim(join(directory, 'x'), 'x')).rejects.toMatchObject(denied);
      await expect(host.makeDirectory(join(directory, 'x'))).rejects.toMatchObject(denied);
      await expect(host.pointTo(join(directory, 'x'), 'x')).rejects.toMatchObject(denied);
      await expect(host.remove(path)).rejects.toMatchObject({ code: 'ERR_STORAGE' });
      const key = { name: 'key.pem', content: Buffer.from(SECRET), mode: 0o400 };
      const error = await failure(host.makeSet(join(open, 'set'), [key], 'root:root'));
      expect(error).toMatchObject({
        code: 'ERR_STORAGE',
        message: expect.stringMatching(/^cannot write .*key\.pem on .*: operation not permitted$/),
      });
      expect(`${error.message} ${error.hint} ${JSON.stringify(error.details)} ${error.cause}`).not.toContain(SECRET);
      expect(readdirSync(open)).toEqual(['secret']);
      await host.makeSet(join(open, 'set'), [key], undefined);
      expect(await lstat(join(open, 'set', 'key.pem'))).toMatchObject({ uid: 65534, mode: 0o100400 });
      await expect(host.signal(1, 'SIGHUP')).rejects.toMatchObject({
        code: 'ERR_REMOTE',
        message: expect.stringMatching(/^process 1 on .* may not be sent SIGHUP$/),
      });
      expect(await host.isAlive(1)).toBe(true);
    } finally {
      execFileSync('rm', ['-rf', open]);
    }
  });

  test('an sshd that forwards no sockets, and one that allows a single session', async () => {
    const path = join(directory, 'socket');
    const listener = createServer().listen(path);
    try {
      const closed = await start({ lines: ['AllowStreamLocalForwarding no'] });
      expect(await failure(hostOf(closed.destination).connect(path))).toMatchObject({
        code: 'ERR_REMOTE',
        message: expect.stringMatching(/^cannot connect to .*socket on .*: its sshd does not lead there$/),
        hint: expect.stringMatching(/AllowStreamLocalForwarding/),
      });
    } finally {
      listener.close();
    }
    const oneWay = await start({ lines: ['AllowTcpForwarding no'] });
    expect(await failure(hostOf(oneWay.destination).listen(() => {}))).toMatchObject({
      code: 'ERR_REMOTE',
      message: expect.stringMatching(/^cannot listen on 127\.0\.0\.1:0 of ssh:/),
      hint: expect.stringMatching(/AllowTcpForwarding/),
    });
    const narrow = await start({ lines: ['MaxSessions 1'] });
    const host = hostOf(narrow.destination);
    expect(await host.look('/')).toMatchObject({ type: 'directory' });
    expect(await failure(host.run(['true'], { timeout: 9_000 }))).toMatchObject({
      code: 'ERR_REMOTE',
      message: expect.stringMatching(/refuses another session$/),
      hint: 'MaxSessions in its sshd_config: 5 or more',
    });
  });
});

describeSsh('in the middle', () => {
  test('sshd is killed under a program; the next step says so, and works when it is back', async () => {
    const sshd = await start();
    const host = hostOf(sshd.destination);
    await host.look('/');
    expect(ours()).toHaveLength(1);
    const [control] = ours();
    expect((await lstat(join(tmpdir(), control as string))).mode & 0o777).toBe(0o700);
    const running = failure(host.run(['sleep', '302'], { timeout: 60_000 }));
    await until('it runs', () => commands(sshd).includes('\u0000302\u0000'));
    await sshd.kill();
    expect(await running).toMatchObject({
      code: 'ERR_REMOTE',
      message: expect.stringMatching(/^the connection to .* was lost/),
      details: { unreachable: true },
    });
    expect(ours()).toEqual([]);
    expect((await failure(host.read('/etc/hostname'))).details).toMatchObject({ unreachable: true });
    const again = await start({ port: sshd.port });
    writeFileSync(
      again.knownHosts,
      `[127.0.0.1]:${again.port} ${readFileSync(again.knownHosts, 'utf8').split(' ').slice(1).join(' ')}`,
    );
    await until('it is reached again', () =>
      host.look('/').then(
        () => true,
        () => false,
      ),
    );
  });

  test('ssh is killed here under a program: that ends too', async () => {
    const sshd = await start();
    const host = hostOf(sshd.destination);
    const mark = join(directory, 'runs');
    const running = failure(host.run(['sh', '-c', `sleep 303 & echo $! >${mark}; wait`], { timeout: 60_000 }));
    await until('it runs', () => existsSync(mark) && readFileSync(mark, 'utf8') !== '');
    for (const pid of clients()) process.kill(pid, 'SIGKILL');
    expect(await running).toMatchObject({ code: 'ERR_REMOTE' });
    await until('it has ended', () => lifeOf(Number(readFileSync(mark, 'utf8'))) === undefined);
  });

  test('sshd is killed while a set is on its way: nothing of it stays', async () => {
    const sshd = await start();
    const host = hostOf(sshd.destination);
    await host.look('/');
    const path = join(directory, 'half');
    const content = new Uint8Array(200 << 20).fill(65);
    const placing = failure(host.makeSet(path, [{ name: 'key.pem', content, mode: 0o600 }], undefined));
    await until('it has begun', () => existsSync(join(path, 'key.pem')));
    await sshd.kill();
    const error = await placing;
    expect(error).toMatchObject({ code: 'ERR_REMOTE', details: { unreachable: true } });
    await until('it is gone', () => !existsSync(path));
  });

  test('ssh is killed here while a set is on its way: nothing of it stays', async () => {
    const sshd = await start();
    const host = hostOf(sshd.destination);
    await host.look('/');
    const path = join(directory, 'half-here');
    const content = new Uint8Array(200 << 20).fill(65);
    const placing = failure(host.makeSet(path, [{ name: 'key.pem', content, mode: 0o600 }], undefined));
    await until('it has begun', () => existsSync(join(path, 'key.pem')));
    for (const pid of clients()) process.kill(pid, 'SIGKILL');
    expect(await placing).toMatchObject({ code: 'ERR_REMOTE' });
    await until('it is gone', () => !existsSync(path));
    await until('so are the sessions', () => sshd.sessions().length === 0);
    await host.look('/');
  });

  test('what says nothing any more is given up', async () => {
    const sshd = await start();
    const host = hostOf(sshd.destination);
    await host.look('/');
    const silent = createServer(() => {});
    const port = await freePort();
    await new Promise<void>((resolve) => silent.listen(port, '127.0.0.1', resolve));
    try {
      sshd.signal('SIGSTOP');
      const [mute, hanging] = await Promise.all([
        failure(hostOf(`ssh://127.0.0.1:${port}`).look('/')),
        failure(host.read('/etc/hostname')),
      ]);
      expect(mute).toMatchObject({ code: 'ERR_TIMEOUT', details: { unreachable: true } });
      expect(hanging).toMatchObject({
        code: 'ERR_REMOTE',
        message: expect.stringMatching(/was lost: .*not responding\.$/),
        details: { unreachable: true },
      });
    } finally {
      silent.close();
      sshd.signal('SIGKILL');
    }
  });
});

describeSsh('what is seen of a key', () => {
  test('nothing in an argument, nothing in a temporary file here, nothing in an error', async () => {
    const sshd = await start();
    const host = hostOf(sshd.destination);
    const path = join(directory, 'seen');
    const files = [
      { name: 'key.pem', content: Buffer.from(SECRET), mode: 0o600 },
      { name: 'combined.pem', content: Buffer.from(`cert ${SECRET}`), mode: 0o600 },
    ];
    await host.makeSet(path, files, undefined);
    expect(await readFile(join(path, 'combined.pem'), 'utf8')).toBe(`cert ${SECRET}`);
    const error = await failure(host.makeSet(path, files, undefined));
    const [ours1] = ours();
    expect(readdirSync(join(tmpdir(), ours1 as string))).toEqual(['m']);
    expect(sshd.calls()).toMatch(/key\.pem/);
    for (const text of [sshd.calls(), sshd.server.output(), `${error.stack} ${JSON.stringify(error.details)}`])
      expect(text).not.toContain(SECRET);
  });

  test('the passphrase in our environment is not handed on', async () => {
    process.env.CLUSTER_CA_PASSPHRASE = SECRET;
    try {
      const sshd = await start();
      const host = hostOf(sshd.destination);
      await host.look('/');
      const environments = clients().map((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8'));
      expect(environments.length).toBeGreaterThan(0);
      expect(environments.join()).not.toContain(SECRET);
    } finally {
      delete process.env.CLUSTER_CA_PASSPHRASE;
    }
  });
});

/** The command lines of everything that runs in the sessions of an sshd. */
function commands(sshd: Sshd): string {
  return sshd
    .sessions()
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .join('\n');
}
