import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs';
import { chmod, chown, lstat, mkdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Host } from '../../src/hosts/host.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { describeWith } from '../support/debian.ts';
import { scratch } from '../support/scratch.ts';
import { Servers, until } from '../support/servers.ts';
import { startSshd } from '../support/servers-ssh.ts';

// What a Host is, held against this one and one reached by ssh: both are to mean the same.

const isRoot = process.getuid?.() === 0;
const AWKWARD = `a 'b' "c" \\d \\'e \n%h$HOME \${x} *;&|<>(){}[]!#~\`id\` -ü日 `;

/** In which both hosts work: one machine. */
const ground = await scratch('host');
const describeSsh = await describeWith('sshd', 'ssh');
const servers = new Servers('hosts');

contract('this host', describe, async () => openHost(undefined));
contract('a host by ssh', describeSsh, async () => {
  const sshd = await startSshd(servers);
  process.env.PATH = sshd.path;
  return openHost(sshd.destination);
});

function contract(
  name: string,
  describeIt: (name: string, tests: () => void) => void,
  open: () => Promise<Host>,
): void {
  describeIt(name, () => {
    let host: Host;
    let directory: string;
    let counter = 0;
    /** A path where nothing is yet. */
    const fresh = (): string => join(directory, `p${++counter}`);
    const text = (bytes: Uint8Array | undefined): string | undefined =>
      bytes === undefined ? undefined : new TextDecoder().decode(bytes);
    const run = (...argv: string[]) => host.run(argv, { timeout: 20_000 });

    beforeAll(async () => {
      directory = join(ground, name.replaceAll(' ', '-'));
      await mkdir(directory, 0o700);
      host = await open();
    });
    afterAll(() => host.close());

    describe('read', () => {
      test('the content of a file, octet by octet; through links; nothing where none is', async () => {
        const path = fresh();
        const content = Uint8Array.from({ length: 70_000 }, (_, i) => (i * i) % 256);
        await writeFile(path, content);
        expect(await host.read(path)).toEqual(content);
        const link = fresh();
        await symlink(path, link);
        expect(await host.read(link)).toEqual(content);
        const empty = fresh();
        await writeFile(empty, '');
        expect(await host.read(empty)).toEqual(new Uint8Array());
        expect(await host.read(fresh())).toBeUndefined();
        const dangling = fresh();
        await symlink(fresh(), dangling);
        expect(await host.read(dangling)).toBeUndefined();
      });

      test('a file of /proc, whose size is not told', async () => {
        expect(text(await host.read(`/proc/${process.pid}/cmdline`))).toBe(
          await readFile(`/proc/${process.pid}/cmdline`, 'utf8'),
        );
      });

      test('what is no file is refused, and not waited for', async () => {
        const pipe = fresh();
        execFileSync('mkfifo', [pipe]);
        for (const path of [directory, pipe, '/dev/zero'])
          await expect(host.read(path)).rejects.toMatchObject({
            code: 'ERR_STORAGE',
            message: expect.stringMatching(/^cannot read .*: it is no file$/),
          });
        const file = fresh();
        await writeFile(file, '');
        await expect(host.read(join(file, 'x'))).rejects.toMatchObject({
          code: 'ERR_STORAGE',
          message: expect.stringMatching(/: a part of the path is not a directory$/),
          details: { path: join(file, 'x'), errno: 'ENOTDIR' },
        });
      });

      test('16 MiB, and not an octet more', async () => {
        const path = fresh();
        await writeFile(path, '');
        execFileSync('truncate', ['-s', String(16 << 20), path]);
        expect((await host.read(path))?.length).toBe(16 << 20);
        execFileSync('truncate', ['-s', '+1', path]);
        await expect(host.read(path)).rejects.toMatchObject({
          code: 'ERR_STORAGE',
          message: expect.stringMatching(/it is larger than 16 MiB$/),
        });
      });
    });

    (isRoot ? describe : describe.skip)('read, for somebody else', () => {
      test('what he may read himself, by its owner, group and mode; not what a link of his leads to', async () => {
        const nobody = { uid: 65_534, gid: 65_534 };
        const path = fresh();
        const link = fresh();
        await writeFile(path, 'content');
        await symlink(path, link);
        for (const [uid, gid, mode, may] of [
          [0, 0, 0o640, false],
          [0, 0, 0o644, true],
          [0, 65_534, 0o640, true],
          [0, 65_534, 0o604, false],
          [65_534, 0, 0o400, true],
          [65_534, 65_534, 0o077, false],
        ] as const) {
          await chown(path, uid, gid);
          await chmod(path, mode);
          const read = host.read(link, nobody);
          if (may) expect([uid, gid, mode, text(await read)]).toEqual([uid, gid, mode, 'content']);
          else
            await expect(read).rejects.toMatchObject({
              code: 'ERR_STORAGE',
              message: expect.stringContaining('the user 65534, whose directory this is in, may not read'),
            });
          expect(text(await host.read(link, { uid: 0, gid: 0 }))).toBe('content');
        }
        expect(await host.read(fresh(), nobody)).toBeUndefined();
      });
    });

    describe('look', () => {
      test('files, directories, links as they are written, and other things', async () => {
        const path = fresh();
        await writeFile(path, 'content');
        chmodSync(path, 0o640);
        const { uid, gid } = await lstat(path);
        expect(await host.look(path)).toEqual({ type: 'file', mode: 0o640, uid, gid, size: 7 });
        expect(await host.look(directory)).toMatchObject({ type: 'directory', mode: 0o700 });
        const link = fresh();
        await symlink('nowhere at/all\n', link);
        expect(await host.look(link)).toMatchObject({ type: 'link', target: 'nowhere at/all\n' });
        const pipe = fresh();
        execFileSync('mkfifo', [pipe]);
        expect(await host.look(pipe)).toMatchObject({ type: 'other' });
        expect(await host.look(fresh())).toBeUndefined();
        expect(await host.look('/dev/null')).toMatchObject({ type: 'other' });
      });

      test('a sticky directory', async () => {
        const path = fresh();
        await mkdir(path);
        chmodSync(path, 0o1777);
        expect(await host.look(path)).toMatchObject({ type: 'directory', mode: 0o1777 });
      });
    });

    describe('list', () => {
      test('every name, hidden ones and awkward ones too', async () => {
        const path = fresh();
        await mkdir(path);
        const names = ['a', '.hidden', '..twice', '-rf', 'with\nnewline', '*', 'ü', ' '];
        for (const name of names) await writeFile(join(path, name), '');
        await symlink('nowhere', join(path, 'dangling'));
        expect((await host.list(path)).toSorted()).toEqual([...names, 'dangling'].toSorted());
      });

      test('an empty directory, none, and a file', async () => {
        const path = fresh();
        expect(await host.list(path)).toEqual([]);
        await mkdir(path);
        expect(await host.list(path)).toEqual([]);
        await writeFile(join(path, 'file'), '');
        await expect(host.list(join(path, 'file'))).rejects.toMatchObject({
          code: 'ERR_STORAGE',
          message: expect.stringMatching(/^cannot list .*: a part of the path is not a directory$/),
        });
      });
    });

    describe('makeDirectory', () => {
      test('with those above it, 0755; again: nothing', async () => {
        const path = join(fresh(), 'b', 'c');
        await host.makeDirectory(path);
        for (const one of [path, join(path, '..'), join(path, '..', '..')])
          expect((await stat(one)).mode & 0o7777).toBe(0o755);
        expect((await stat(directory)).mode & 0o7777).toBe(0o700);
        chmodSync(path, 0o750);
        await host.makeDirectory(`${path}/`);
        expect((await stat(path)).mode & 0o7777).toBe(0o750);
      });

      test('0755 whatever the umask is, of what a set is in too', async () => {
        const umask = process.umask(0o077);
        try {
          const path = join(fresh(), 'b');
          await host.makeDirectory(path);
          await host.makeSet(
            join(path, 'set'),
            [{ name: 'ca.pem', content: new Uint8Array(1), mode: 0o644 }],
            undefined,
          );
          const modes = ['..', '.', 'set', 'set/ca.pem'].map((one) => statSync(join(path, one)).mode & 0o7777);
          expect(modes).toEqual([0o755, 0o755, 0o755, 0o644]);
        } finally {
          process.umask(umask);
        }
      });

      test('not over a file', async () => {
        const path = fresh();
        await writeFile(path, 'kept');
        await expect(host.makeDirectory(path)).rejects.toMatchObject({ code: 'ERR_STORAGE' });
        await expect(host.makeDirectory(join(path, 'x'))).rejects.toMatchObject({ code: 'ERR_STORAGE' });
        expect(await readFile(path, 'utf8')).toBe('kept');
      });
    });

    describe('makeSet', () => {
      const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);

      test('files with their modes and contents', async () => {
        const path = fresh();
        const random = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 256);
        await host.makeSet(
          path,
          [
            { name: 'key.pem', content: random, mode: 0o400 },
            { name: 'cert.pem', content: bytes('certificate'), mode: 0o644 },
            { name: 'empty', content: bytes(''), mode: 0o640 },
          ],
          undefined,
        );
        expect((await stat(path)).mode & 0o7777).toBe(0o755);
        expect(new Uint8Array(await readFile(join(path, 'key.pem')))).toEqual(random);
        expect(await readFile(join(path, 'cert.pem'), 'utf8')).toBe('certificate');
        expect(await readFile(join(path, 'empty'), 'utf8')).toBe('');
        const modes = await Promise.all(
          ['key.pem', 'cert.pem', 'empty'].map(async (name) => (await stat(join(path, name))).mode & 0o7777),
        );
        expect(modes).toEqual([0o400, 0o644, 0o640]);
      });

      test('an owner, by name or number, with or without a group', async () => {
        const file = { name: 'key.pem', content: bytes('x'), mode: 0o600 };
        const own = process.getuid?.() ?? 0;
        const owners: [string, number, number][] = isRoot
          ? [
              ['nobody', 65534, 65534],
              ['games', 5, 60],
              ['games:daemon', 5, 1],
              ['12345', 12345, 12345],
              ['12345:54321', 12345, 54321],
              ['nobody:12', 65534, 12],
            ]
          : [[`${own}:${process.getgid?.()}`, own, process.getgid?.() ?? 0]];
        for (const [owner, uid, gid] of owners) {
          const path = fresh();
          await host.makeSet(path, [file], owner);
          expect([owner, await lstat(join(path, 'key.pem'))]).toEqual([owner, expect.objectContaining({ uid, gid })]);
        }
      });

      test('an owner that is not there leaves nothing', async () => {
        for (const owner of ['no_such_user', 'root:no_such_group', 'no_such_user:root']) {
          const path = fresh();
          await expect(
            host.makeSet(path, [{ name: 'key.pem', content: bytes('secret'), mode: 0o600 }], owner),
          ).rejects.toMatchObject({ code: 'ERR_USAGE', message: expect.stringMatching(/no_such/) });
          expect(existsSync(path)).toBe(false);
        }
        await expect(host.makeSet(fresh(), [], 'a b')).rejects.toMatchObject({ code: 'ERR_USAGE' });
      });

      test('not over what is there', async () => {
        const path = fresh();
        await mkdir(path);
        await writeFile(join(path, 'kept'), 'kept');
        await expect(
          host.makeSet(path, [{ name: 'kept', content: bytes('new'), mode: 0o600 }], undefined),
        ).rejects.toMatchObject({ code: 'ERR_STORAGE', details: { errno: 'EEXIST' } });
        expect(await readFile(join(path, 'kept'), 'utf8')).toBe('kept');
      });

      test('what fails in the middle leaves nothing', async () => {
        const path = fresh();
        const files = [
          { name: 'key.pem', content: bytes('secret'), mode: 0o600 },
          { name: 'n'.repeat(300), content: bytes('secret'), mode: 0o600 },
        ];
        await expect(host.makeSet(path, files, undefined)).rejects.toMatchObject({
          code: 'ERR_STORAGE',
          message: expect.stringMatching(/^cannot write .*nnn/),
          details: { errno: 'ENAMETOOLONG' },
        });
        expect(existsSync(path)).toBe(false);
      });

      test('a directory that is not there', async () => {
        await expect(host.makeSet(join(fresh(), 'set'), [], undefined)).rejects.toMatchObject({
          code: 'ERR_STORAGE',
          details: { errno: 'ENOENT' },
        });
      });

      test('a full disk is called so, and leaves nothing', async () => {
        if (!isRoot) return expect(process.getuid?.()).not.toBe(0);
        const mount = fresh();
        await mkdir(mount);
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount]);
        try {
          const path = join(mount, 'set');
          await expect(
            host.makeSet(path, [{ name: 'key.pem', content: new Uint8Array(200_000), mode: 0o600 }], undefined),
          ).rejects.toMatchObject({
            code: 'ERR_STORAGE',
            message: expect.stringMatching(/^cannot write .*key\.pem.*: no space left on the device$/),
            hint: expect.stringMatching(/free some space/),
          });
          expect(existsSync(path)).toBe(false);
          execFileSync('mount', ['-o', 'remount,ro', mount]);
          const message = expect.stringMatching(/: the file system is read-only$/);
          await expect(host.makeSet(path, [], undefined)).rejects.toMatchObject({ code: 'ERR_STORAGE', message });
          await expect(host.claim(path, 'me')).rejects.toMatchObject({ code: 'ERR_STORAGE', message });
          await expect(host.pointTo(path, 'x')).rejects.toMatchObject({ code: 'ERR_STORAGE', message });
          await expect(host.makeDirectory(path)).rejects.toMatchObject({ code: 'ERR_STORAGE', message });
          await host.remove(path);
        } finally {
          execFileSync('umount', [mount]);
        }
      });
    });

    describe('pointTo', () => {
      test('a new link, over a link, over a file; not over a directory', async () => {
        const path = fresh();
        await host.pointTo(path, 'first target');
        expect(await readlink(path)).toBe('first target');
        await host.pointTo(path, directory);
        expect(await readlink(path)).toBe(directory);
        await host.pointTo(path, 'third');
        expect(await readlink(path)).toBe('third');
        const file = fresh();
        await writeFile(file, '');
        await host.pointTo(file, 'x');
        expect(await readlink(file)).toBe('x');
        const folder = fresh();
        await mkdir(folder);
        await expect(host.pointTo(folder, 'x')).rejects.toMatchObject({
          code: 'ERR_STORAGE',
          message: expect.stringMatching(/^cannot replace .*: it is a directory$/),
        });
        expect((await lstat(folder)).isDirectory()).toBe(true);
        expect(readdirSync(folder)).toEqual([]);
        expect(readdirSync(directory).filter((name) => name.startsWith('.cluster-ca.'))).toEqual([]);
      });
    });

    describe('claim', () => {
      test('one of many at once has it', async () => {
        const path = fresh();
        const claims = await Promise.all(Array.from({ length: 8 }, (_, i) => host.claim(path, `claimed by ${i}\n`)));
        expect(claims.filter(Boolean)).toHaveLength(1);
        expect(await readFile(path, 'utf8')).toBe(`claimed by ${claims.indexOf(true)}\n`);
        expect((await stat(path)).mode & 0o7777).toBe(0o644);
        await host.remove(path);
        expect(await host.claim(path, 'again')).toBe(true);
      });

      test('whatever stands there counts', async () => {
        const link = fresh();
        await symlink('nowhere', link);
        for (const path of [directory, link]) expect(await host.claim(path, 'x')).toBe(false);
        expect(existsSync(join(directory, 'nowhere'))).toBe(false);
        await expect(host.claim(join(fresh(), 'x'), 'x')).rejects.toMatchObject({
          code: 'ERR_STORAGE',
          details: { errno: 'ENOENT' },
        });
      });
    });

    describe('remove', () => {
      test('a file, a link and not what it leads to, a directory with what is in it, and nothing', async () => {
        const path = fresh();
        await mkdir(join(path, 'deep'), { recursive: true });
        await writeFile(join(path, 'deep', 'file'), '');
        const link = fresh();
        await symlink(path, link);
        await host.remove(link);
        expect(existsSync(link)).toBe(false);
        expect(existsSync(join(path, 'deep', 'file'))).toBe(true);
        await host.remove(join(path, 'deep', 'file'));
        await host.remove(path);
        expect(existsSync(path)).toBe(false);
        await host.remove(path);
      });
    });

    describe('run', () => {
      test('arguments as they are, both outputs, and how it ended', async () => {
        const words = [AWKWARD, '', '-n', '--', "'", '\\', '\\\\', '\n', '$(id)', '"'];
        const { code, stdout } = await run('printf', '%s|', ...words);
        expect([code, stdout]).toEqual([0, words.map((word) => `${word}|`).join('')]);
        expect(await run('sh', '-c', 'echo out; echo err >&2; exit 3')).toEqual({
          code: 3,
          stdout: 'out\n',
          stderr: 'err\n',
        });
        expect(await run('sh', '-c', 'exit 255')).toMatchObject({ code: 255 });
        expect(await run('sh', '-c', 'kill -9 $$')).toMatchObject({ code: undefined });
        expect(await run('sh', '-c', 'kill -TERM $$')).toMatchObject({ code: undefined });
      });

      test('the passphrase in our environment is not handed on', async () => {
        process.env.CLUSTER_CA_PASSPHRASE = 'correct horse battery staple';
        try {
          expect((await run('sh', '-c', 'printf %s "$CLUSTER_CA_PASSPHRASE"')).stdout).toBe('');
        } finally {
          delete process.env.CLUSTER_CA_PASSPHRASE;
        }
      });

      test('it has nothing to read', async () => {
        expect(await run('cat')).toEqual({ code: 0, stdout: '', stderr: '' });
      });

      test('64 KiB of what it says', async () => {
        const { code, stdout, stderr } = await run(
          'sh',
          '-c',
          'head -c 1000000 /dev/zero | tr "\\0" x; head -c 70000 /dev/zero | tr "\\0" y >&2',
        );
        expect([code, stdout.length, stderr.length]).toEqual([0, 65_536, 65_536]);
        expect([/^x+$/.test(stdout), /^y+$/.test(stderr)]).toEqual([true, true]);
      });

      test('what is beyond ASCII arrives whole', async () => {
        const { stdout } = await run('sh', '-c', "printf 'a\\303'; sleep 0.2; printf '\\274b'");
        expect(stdout).toBe('aüb');
      });

      test('a daemon that it leaves behind is not waited for', async () => {
        const mark = fresh();
        const { code, stdout } = await run(
          'sh',
          '-c',
          `(trap '' HUP; echo $$; sleep 300 & echo $! >${mark}; wait) & sleep 0.2; echo done`,
        );
        expect([code, stdout]).toEqual([0, expect.stringMatching(/done\n$/)]);
        const pid = Number(await readFile(mark, 'utf8'));
        expect(await host.isAlive(pid)).toBe(true);
        process.kill(pid, 'SIGKILL');
      });

      test('what takes too long is killed with what it has started', async () => {
        const mark = fresh();
        const hanging = host.run(['sh', '-c', `trap '' TERM HUP; sleep 301 & echo $! >${mark}; wait`], {
          timeout: 700,
        });
        await expect(hanging).rejects.toMatchObject({
          code: 'ERR_TIMEOUT',
          message: expect.stringMatching(/^sh did not end within 0\.7 s( on .*)?, and was killed$/),
        });
        const pid = Number(await readFile(mark, 'utf8'));
        await until('the child is gone', () => !isRunning(pid));
      });

      test('what cannot be started', async () => {
        const plain = fresh();
        await writeFile(plain, 'x');
        for (const [file, why] of [
          ['no-such-program', 'there is no such program'],
          ['/no/such program', 'there is no such program'],
          [plain, 'EACCES'],
          [directory, 'EACCES'],
        ] as const)
          await expect(run(file)).rejects.toMatchObject({
            code: 'ERR_REMOTE',
            message: expect.stringMatching(new RegExp(`^cannot run ${file}( on .*)?: ${why}$`)),
          });
        const script = fresh() + AWKWARD;
        await writeFile(script, '#!/bin/sh\nprintf %s "$1"\n');
        chmodSync(script, 0o755);
        expect(await run(script, 'x y')).toEqual({ code: 0, stdout: 'x y', stderr: '' });
      });

      test('several at the same time', async () => {
        const said = await Promise.all(Array.from({ length: 12 }, (_, i) => run('sh', '-c', `sleep 0.1; echo ${i}`)));
        expect(said.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 12 }, (_, i) => `${i}\n`));
      });
    });

    describe('connect', () => {
      const listeners: Server[] = [];
      afterAll(() => {
        for (const listener of listeners) listener.close();
      });
      const listen = async (path: string): Promise<Server> => {
        const listener = createServer((socket) => {
          socket.on('error', () => {});
          socket.on('data', (chunk) => socket.end(`you said ${chunk}`));
        });
        listeners.push(listener);
        await new Promise<void>((resolve) => listener.listen(path, resolve));
        return listener;
      };
      const ask = async (path: string): Promise<string> => {
        const socket = await host.connect(path);
        socket.write('hello');
        let answer = '';
        for await (const chunk of socket) answer += chunk;
        return answer;
      };

      test('a socket that answers, twice, and at an awkward path', async () => {
        const path = fresh();
        await listen(path);
        expect(await ask(path)).toBe('you said hello');
        expect(await Promise.all([ask(path), ask(path)])).toEqual(['you said hello', 'you said hello']);
        const awkward = join(directory, `s:1 %h \\\${HOME} '`);
        await listen(awkward);
        expect(await ask(awkward)).toBe('you said hello');
      });

      test('one that has been made anew', async () => {
        const path = fresh();
        const first = await listen(path);
        expect(await ask(path)).toBe('you said hello');
        await new Promise((resolve) => first.close(resolve));
        await expect(host.connect(path)).rejects.toMatchObject({
          code: 'ERR_REMOTE',
          message: expect.stringMatching(/^cannot connect to .*: there is no such socket$/),
        });
        await listen(path);
        expect(await ask(path)).toBe('you said hello');
      });

      test('where nothing listens, or nothing is, or it may not be', async () => {
        const dead = fresh();
        const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
        expect(spawnSync(process.execPath, ['-e', script, dead]).signal).toBe('SIGKILL');
        const file = fresh();
        await writeFile(file, '');
        for (const [path, why] of [
          [dead, 'nothing listens on it'],
          [file, 'nothing listens on it'],
          [fresh(), 'there is no such socket'],
          [join(fresh(), 'x'), 'there is no such socket'],
        ] as const)
          await expect(host.connect(path)).rejects.toMatchObject({
            code: 'ERR_REMOTE',
            message: expect.stringMatching(new RegExp(`^cannot connect to ${path}( on .*)?: ${why}$`)),
          });
        if (isRoot) return;
        const locked = fresh();
        await listen(locked);
        chmodSync(locked, 0);
        await expect(host.connect(locked)).rejects.toMatchObject({
          message: expect.stringMatching(/permission denied$/),
        });
      });
    });

    describe('a port of its own', () => {
      const hello = (port: number): Promise<string> =>
        new Promise((resolve, reject) => {
          const socket = connect(port, '127.0.0.1');
          let answer = '';
          socket.on('data', (chunk) => {
            answer += chunk;
          });
          socket.once('end', () => resolve(answer));
          socket.once('error', reject);
          socket.write('hello');
        });
      const answering = (socket: Socket): void => {
        socket.on('data', (data) => socket.end(`you said ${data}`));
      };

      test('who connects to it comes here, until it is closed', async () => {
        const [one, other] = await Promise.all([host.listen(answering), host.listen(answering)]);
        expect(one.port).not.toBe(other.port);
        expect(await Promise.all([hello(one.port), hello(one.port), hello(other.port)])).toEqual(
          Array(3).fill('you said hello'),
        );
        await one.close();
        await expect(hello(one.port)).rejects.toThrow('ECONNREFUSED');
        expect(await hello(other.port)).toBe('you said hello');
        const again = await host.listen(answering, one.port);
        expect([again.port, await hello(one.port)]).toEqual([one.port, 'you said hello']);
        await Promise.all([again.close(), other.close()]);
      });

      test('what is handed over ends with it; one that is in use cannot be had', async () => {
        const one = await host.listen(() => {});
        await expect(host.listen(answering, one.port)).rejects.toMatchObject({
          code: 'ERR_REMOTE',
          message: expect.stringContaining(`cannot listen on 127.0.0.1:${one.port}`),
        });
        const held = hello(one.port).catch(() => 'broken');
        await new Promise((resolve) => setTimeout(resolve, 50));
        await one.close();
        expect(['', 'broken']).toContain(await held);
      });
    });

    describe('processes', () => {
      test('alive or not', async () => {
        expect(await host.isAlive(process.pid)).toBe(true);
        expect(await host.isAlive(1)).toBe(true);
        expect(await host.isAlive(4_194_304)).toBe(false);
      });

      test('a signal arrives; there is no process; it may not be', async () => {
        const script = `trap 'echo HUP' HUP; trap 'echo USR2' USR2; echo ready; while :; do sleep 0.02; done`;
        const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
        try {
          let said = '';
          child.stdout.on('data', (chunk) => {
            said += chunk;
          });
          await until('it is ready', () => said === 'ready\n');
          await host.signal(child.pid as number, 'SIGHUP');
          await until('the first has arrived', () => said === 'ready\nHUP\n');
          await host.signal(child.pid as number, 'SIGUSR2');
          await until('the second has arrived', () => said === 'ready\nHUP\nUSR2\n');
        } finally {
          child.kill('SIGKILL');
        }
        await expect(host.signal(4_194_304, 'SIGHUP')).rejects.toMatchObject({
          code: 'ERR_REMOTE',
          message: expect.stringMatching(/^there is no process 4194304/),
        });
        if (!isRoot)
          await expect(host.signal(1, 'SIGHUP')).rejects.toMatchObject({
            code: 'ERR_REMOTE',
            message: expect.stringMatching(/^process 1( on .*)? may not be sent SIGHUP$/),
          });
      });
    });

    test('awkward paths, from the first step to the last', async () => {
      const base = join(directory, AWKWARD);
      const set = join(base, `-set ${AWKWARD}`);
      await host.makeDirectory(base);
      await host.makeSet(set, [{ name: AWKWARD, content: new TextEncoder().encode('x'), mode: 0o600 }], undefined);
      expect(await host.list(base)).toEqual([`-set ${AWKWARD}`]);
      expect(await host.list(set)).toEqual([AWKWARD]);
      expect(text(await host.read(join(set, AWKWARD)))).toBe('x');
      expect(await host.look(join(set, AWKWARD))).toMatchObject({ type: 'file', mode: 0o600 });
      await host.pointTo(join(base, '-link'), AWKWARD);
      expect(await host.look(join(base, '-link'))).toMatchObject({ type: 'link', target: AWKWARD });
      expect(await host.claim(join(base, `claim${AWKWARD}`), AWKWARD)).toBe(true);
      expect(text(await host.read(join(base, `claim${AWKWARD}`)))).toBe(AWKWARD);
      await host.remove(base);
      expect(existsSync(base)).toBe(false);
    });

    test('a path with a null byte is refused', async () => {
      await expect(host.read('/etc/pass\0wd')).rejects.toMatchObject({ code: 'ERR_STORAGE' });
    });
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
