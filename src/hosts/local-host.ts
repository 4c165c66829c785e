import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import {
  chmod,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
} from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { randomBytes } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { syncDirectory } from '../keystore/directory/durable.ts';
import { errno, storageError } from '../keystore/directory/errors.ts';
import { isAlive } from '../keystore/directory/process-alive.ts';
import { toHex } from '../pki/encoding.ts';
import { parseOwner } from '../placement/owner.ts';
import { signalGroup, startWithUs } from './children.ts';
import type { Ended, Entry, Host, Listening, NewFile, Reader, RunOptions } from './host.ts';
import { openListener } from './loopback.ts';
import { mayRead, notFor } from './reader.ts';

const MOST = 16 << 20;
const MOST_OUTPUT = 64 << 10;
/** How long a unix socket may take to answer the connection. */
const PATIENCE = 5_000;
/** How long the outputs of a command that has ended may stay open. */
const LEAVING = 100;

/** The machine that this runs on. */
export class LocalHost implements Host {
  readonly label = 'this host';

  async read(path: string, reader?: Reader): Promise<Uint8Array | undefined> {
    return doing('read', path, async () => {
      // A pipe or a device that stands there is not waited for.
      const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(absent);
      if (handle === undefined) return undefined;
      try {
        const status = await handle.stat();
        if (!status.isFile()) throw new Error('it is no file');
        if (status.size > MOST) throw new Error('it is larger than 16 MiB');
        if (reader !== undefined && !mayRead(reader, status)) throw new Error(notFor(reader));
        return await handle.readFile();
      } finally {
        await handle.close();
      }
    });
  }

  async look(path: string): Promise<Entry | undefined> {
    return doing('look at', path, async () => {
      const status = await lstat(path).catch(absent);
      if (status === undefined) return undefined;
      const { mode, uid, gid, size } = status;
      const common = { mode: mode & 0o7777, uid, gid, size };
      if (status.isSymbolicLink()) return { ...common, type: 'link', target: await readlink(path) };
      return { ...common, type: status.isFile() ? 'file' : status.isDirectory() ? 'directory' : 'other' };
    });
  }

  async list(directory: string): Promise<string[]> {
    return doing('list', directory, async () => (await readdir(directory).catch(absent)) ?? []);
  }

  async makeDirectory(path: string): Promise<void> {
    await doing('make', path, async () => {
      // Not mkdir's own recursion: it calls a read-only file system ENOENT.
      const missing: string[] = [];
      for (let at = resolve(path); (await stat(at).catch(absent)) === undefined; at = dirname(at)) missing.unshift(at);
      for (const one of missing) {
        await makeOpenDirectory(one);
        await syncDirectory(dirname(one));
      }
      if (missing.length === 0 && !(await stat(path)).isDirectory()) throw new Error('a file is in its place');
    });
  }

  async makeSet(directory: string, files: readonly NewFile[], owner: string | undefined): Promise<void> {
    const ids = owner === undefined ? undefined : parseOwner(owner);
    await doing('make', directory, () => makeOpenDirectory(directory));
    try {
      for (const { name, content, mode } of files) {
        const path = join(directory, name);
        await doing('write', path, async () => {
          const handle = await open(path, 'wx', 0o600);
          try {
            if (ids !== undefined) await handle.chown(ids.uid, ids.gid);
            await handle.chmod(mode);
            await handle.writeFile(content);
            await handle.sync();
          } finally {
            await handle.close();
          }
        });
      }
      await doing('sync', directory, () => syncDirectory(directory));
      await doing('sync', directory, () => syncDirectory(dirname(directory)));
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async pointTo(path: string, target: string): Promise<void> {
    const temporary = join(dirname(path), `.cluster-ca.link-${toHex(randomBytes(6))}-${basename(path)}`);
    await doing('replace', path, async () => {
      await symlink(target, temporary);
      try {
        await rename(temporary, path);
      } catch (error) {
        await unlink(temporary).catch(() => {});
        throw error;
      }
      await syncDirectory(dirname(path));
    });
  }

  async claim(path: string, content: string): Promise<boolean> {
    return doing('write', path, async () => {
      let handle: FileHandle;
      try {
        handle = await open(path, 'wx', 0o644);
      } catch (error) {
        if (errno(error) === 'EEXIST') return false;
        throw error;
      }
      try {
        await handle.writeFile(content);
      } catch (error) {
        await unlink(path).catch(() => {});
        throw error;
      } finally {
        await handle.close();
      }
      return true;
    });
  }

  async remove(path: string): Promise<void> {
    await doing('remove', path, () => rm(path, { recursive: true, force: true }));
  }

  run(argv: readonly string[], { timeout }: RunOptions): Promise<Ended> {
    const [file = '', ...args] = argv;
    const { CLUSTER_CA_PASSPHRASE: _, ...env } = process.env;
    return new Promise((resolve, reject) => {
      // A group of its own, so that what a shell script has started is killed with it.
      const child = startWithUs(() => spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env }));
      const stdout = beginningOf(child.stdout);
      const stderr = beginningOf(child.stderr);
      const timer = setTimeout(() => {
        signalGroup(child, 'SIGKILL');
        reject(
          new ClusterCaError('ERR_TIMEOUT', `${file} did not end within ${timeout / 1000} s, and was killed`, {
            hint: 'run it by hand and see what it waits for',
          }),
        );
      }, timeout);
      child.on('error', (cause) => {
        clearTimeout(timer);
        const code = errno(cause);
        reject(
          new ClusterCaError(
            'ERR_REMOTE',
            `cannot run ${file}: ${code === 'ENOENT' ? 'there is no such program' : code}`,
            {
              hint: 'is its path in the inventory right?',
              cause,
            },
          ),
        );
      });
      const end = (code: number | null): void => {
        clearTimeout(timer);
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve({ code: code ?? undefined, stdout: stdout(), stderr: stderr() });
      };
      child.on('close', end);
      // A daemon that the command has started keeps the pipes open. What it has said itself is in them by now, and is
      // read before the immediate comes.
      child.on('exit', (code) => {
        clearTimeout(timer);
        setTimeout(() => setImmediate(end, code), LEAVING).unref();
      });
    });
  }

  async listen(take: (socket: Socket) => void, port = 0): Promise<Listening> {
    const { server, close } = await openListener({ host: '127.0.0.1', port }, take);
    return { port: (server.address() as AddressInfo).port, close };
  }

  connect(path: string): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const socket = connect({ path });
      const timer = setTimeout(() => socket.destroy(new Error('it does not answer')), PATIENCE);
      socket.once('connect', () => {
        clearTimeout(timer);
        resolve(socket);
      });
      socket.once('error', (cause) => {
        clearTimeout(timer);
        const why = {
          ENOENT: 'there is no such socket',
          ECONNREFUSED: 'nothing listens on it',
          EACCES: 'permission denied',
        };
        reject(
          new ClusterCaError(
            'ERR_REMOTE',
            `cannot connect to ${path}: ${why[errno(cause) as keyof typeof why] ?? cause.message}`,
            {
              hint: 'is the service running, and may this user speak to its socket?',
              cause,
            },
          ),
        );
      });
    });
  }

  async isAlive(pid: number): Promise<boolean> {
    return isAlive(pid);
  }

  async signal(pid: number, signal: 'SIGHUP' | 'SIGUSR2'): Promise<void> {
    try {
      process.kill(pid, signal);
    } catch (cause) {
      throw new ClusterCaError(
        'ERR_REMOTE',
        errno(cause) === 'ESRCH' ? `there is no process ${pid}` : `process ${pid} may not be sent ${signal}`,
        { hint: 'is its pid file right, and does this user own the process?', cause },
      );
    }
  }

  async close(): Promise<void> {}
}

/** 0755 whatever the umask of this process is: the service's user has to go through it. */
async function makeOpenDirectory(path: string): Promise<void> {
  await mkdir(path, 0o755);
  await chmod(path, 0o755);
}

/** Reads an output to its end, and keeps its beginning. */
function beginningOf(stream: Readable | null): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    if (size < MOST_OUTPUT) chunks.push(chunk.subarray(0, MOST_OUTPUT - size));
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

function absent(error: unknown): undefined {
  if (errno(error) !== 'ENOENT') throw error;
  return undefined;
}

async function doing<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(error, action, path);
  }
}
