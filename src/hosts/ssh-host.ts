import { connect, type Socket } from 'node:net';
import { basename, dirname, join, normalize } from 'node:path/posix';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from '../crypto/hash.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { errno, storageError } from '../keystore/directory/errors.ts';
import { toHex } from '../pki/encoding.ts';
import { splitOwner } from '../placement/owner.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Ended, Entry, Host, Listening, NewFile, Reader, RunOptions } from './host.ts';
import { notFor } from './reader.ts';
import { lastLine } from './ssh/complaint.ts';
import { SshConnection } from './ssh/connection.ts';
import { type Destination, parseDestination } from './ssh/destination.ts';
import type { Executed } from './ssh/execution.ts';
import { remoteErrno } from './ssh/remote-errno.ts';
import * as scripts from './ssh/scripts.ts';

const MOST = 16 << 20;
const MOST_OUTPUT = 64 << 10;
/** Milliseconds that a file operation may take there. */
const PATIENCE = 60_000;
/** How much longer than the program itself the answer about it may take. */
const GRACE = 15_000;
/** Milliseconds for which a host that could not be reached is not tried again. */
const SULK = 3_000;

/** Codes of the scripts in ssh/scripts.ts. */
const OWN = { first: '10', second: '11', third: '12' };

/** A machine that the system's ssh reaches without a question, and that has a POSIX shell and coreutils. */
export class SshHost implements Host {
  readonly label: string;
  readonly #destination: Destination;
  #connection: SshConnection | undefined;
  #opening: Promise<SshConnection> | undefined;
  #failed: { error: unknown; at: number } | undefined;

  /** Nothing is connected to yet. @throws ERR_CONFIG when it is no destination */
  constructor(ssh: string) {
    this.#destination = parseDestination(ssh);
    this.label = ssh;
  }

  async read(path: string, reader?: Reader): Promise<Uint8Array | undefined> {
    return this.#doing('read', path, async () => {
      const whom = reader === undefined ? [] : [String(reader.uid), String(reader.gid)];
      const done = await this.#ask(scripts.READ, [path, String(MOST), ...whom]);
      if (done.status === OWN.first) throw new Error('it is no file');
      if (done.status === OWN.second) throw new Error('it is larger than 16 MiB');
      if (reader !== undefined && done.status === OWN.third) throw new Error(notFor(reader));
      return isAbsent(done) ? undefined : new Uint8Array(succeeded(done).stdout);
    });
  }

  async look(path: string): Promise<Entry | undefined> {
    return this.#doing('look at', path, async () => {
      const done = await this.#ask(scripts.LOOK, [path]);
      if (isAbsent(done)) return undefined;
      const [, mode = '', uid, gid, size, target = ''] =
        /^([0-9a-f]+) (\d+) (\d+) (\d+) (.*)$/s.exec(succeeded(done).stdout.toString('utf8')) ?? [];
      const raw = Number.parseInt(mode, 16);
      const common = { mode: raw & 0o7777, uid: Number(uid), gid: Number(gid), size: Number(size) };
      const type = TYPES[raw >> 12] ?? 'other';
      return type === 'link' ? { ...common, type, target } : { ...common, type };
    });
  }

  async list(directory: string): Promise<string[]> {
    return this.#doing('list', directory, async () => {
      const done = await this.#ask(scripts.LIST, [directory]);
      return isAbsent(done) ? [] : succeeded(done).stdout.toString('utf8').split('\0').slice(0, -1);
    });
  }

  async makeDirectory(path: string): Promise<void> {
    const plain = normalize(path).replace(/(?<=.)\/$/, '');
    await this.#doing('make', path, async () => succeeded(await this.#ask(scripts.MAKE_DIRECTORY, [plain])));
  }

  async makeSet(directory: string, files: readonly NewFile[], owner: string | undefined): Promise<void> {
    const args = files.flatMap(({ name, mode, content }) => [name, mode.toString(8), String(content.length)]);
    const chown = owner === undefined ? '' : chownWord(owner);
    const set = join(directory);
    const done = await this.#doing('make', directory, () =>
      this.#connected().then((connection) =>
        connection.execute(
          scripts.MAKE_SET,
          [set, chown, ...args],
          files.map(({ content }) => content),
          { timeout: PATIENCE, most: MOST_OUTPUT },
        ),
      ),
    );
    const file = done.stdout.toString('utf8');
    await this.#doing(file === '' ? 'make' : 'write', join(set, file), async () => {
      const nobody = /invalid (user|group|spec)/.exec(done.stderr)?.[1]?.replace('spec', 'user');
      if (done.status !== '0' && nobody !== undefined)
        throw new ClusterCaError('ERR_USAGE', `there is no such ${nobody} on ${this.label}: ${owner}`);
      if (done.status === OWN.first) throw new Error('its content did not arrive whole');
      succeeded(done);
    });
  }

  async pointTo(path: string, target: string): Promise<void> {
    const temporary = join(dirname(path), `.cluster-ca.link-${toHex(randomBytes(6))}-${basename(path)}`);
    await this.#doing('replace', path, async () =>
      succeeded(await this.#ask(scripts.POINT_TO, [join(path), target, temporary])),
    );
  }

  async claim(path: string, content: string): Promise<boolean> {
    return this.#doing('write', path, async () => {
      const done = await this.#ask(scripts.CLAIM, [path, content]);
      if (done.status === OWN.first || (done.status !== '0' && remoteErrno(done.stderr) === 'EEXIST')) return false;
      succeeded(done);
      return true;
    });
  }

  async remove(path: string): Promise<void> {
    await this.#doing('remove', path, async () => succeeded(await this.#ask(scripts.REMOVE, [path])));
  }

  async run(argv: readonly string[], { timeout }: RunOptions): Promise<Ended> {
    const [file = ''] = argv;
    const begun = Date.now();
    const seconds = Math.max(timeout, 1) / 1000;
    const late = (): ClusterCaError =>
      new ClusterCaError(
        'ERR_TIMEOUT',
        `${file} did not end within ${timeout / 1000} s on ${this.label}, and was killed`,
        {
          hint: 'run it there by hand and see what it waits for',
        },
      );
    const connection = await this.#connected();
    const { status, stdout, stderr } = await connection
      .execute(scripts.RUN, [String(seconds), ...argv], [], {
        timeout: timeout + GRACE,
        most: MOST_OUTPUT,
        held: true,
      })
      .catch((error) => {
        throw isClusterCaError(error, 'ERR_TIMEOUT') ? late() : error;
      });
    const code = Number(status);
    if (Number.isNaN(code))
      throw new ClusterCaError(
        'ERR_REMOTE',
        `cannot run ${file} on ${this.label}: ${status === 'ENOENT' ? 'there is no such program' : status}`,
        { hint: 'is its path in the inventory right? What a login there has in its PATH may be less than here' },
      );
    if (code === KILLED && Date.now() - begun >= timeout) throw late();
    // A shell shows the end by a signal as 128 and its number.
    return { code: code > 128 && code <= 192 ? undefined : code, stdout: stdout.toString('utf8'), stderr };
  }

  async connect(path: string): Promise<Duplex> {
    const connection = await this.#connected();
    const socket = await dial(await connection.forward(path));
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    socket.once('end', end).once('close', end).on('error', end);
    try {
      // What cannot be opened there is told before the answer to what is asked afterwards: they go one way, in order.
      await this.#ask(scripts.NOTHING, []);
      await sleep(20);
      if (!ended) return socket;
      throw await this.#notConnected(path);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async listen(take: (socket: Socket) => void, port = 0): Promise<Listening> {
    const connection = await this.#connected();
    return connection.listen(take, port);
  }

  async isAlive(pid: number): Promise<boolean> {
    const { status, stderr } = await this.#ask(scripts.SIGNAL, ['0', String(pid)]);
    return status === '0' || remoteErrno(stderr) === 'EPERM';
  }

  async signal(pid: number, signal: 'SIGHUP' | 'SIGUSR2'): Promise<void> {
    const { status, stderr } = await this.#ask(scripts.SIGNAL, [signal.slice(3), String(pid)]);
    if (status === '0') return;
    throw new ClusterCaError(
      'ERR_REMOTE',
      remoteErrno(stderr) === 'ESRCH'
        ? `there is no process ${pid} on ${this.label}`
        : `process ${pid} on ${this.label} may not be sent ${signal}`,
      { hint: 'is its pid file right, and does the user of ssh own the process?' },
    );
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => {});
    await this.#connection?.close();
    this.#connection = undefined;
  }

  async #ask(script: string, args: readonly string[]): Promise<Executed> {
    const connection = await this.#connected();
    return connection.ask(script, args, { timeout: PATIENCE, most: MOST });
  }

  /** The connection: made when it is first wanted, and again when it was lost. */
  async #connected(): Promise<SshConnection> {
    if (this.#connection !== undefined && !this.#connection.ended) return this.#connection;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<SshConnection> {
    if (this.#failed !== undefined && Date.now() - this.#failed.at < SULK) throw this.#failed.error;
    try {
      this.#connection = await SshConnection.open(this.#destination);
      return this.#connection;
    } catch (error) {
      this.#failed = { error, at: Date.now() };
      throw error;
    }
  }

  async #notConnected(path: string): Promise<ClusterCaError> {
    const { status, stderr } = await this.#ask(scripts.SOCKET, [path]);
    if (status === OWN.third)
      return new ClusterCaError(
        'ERR_REMOTE',
        `cannot connect to ${path} on ${this.label}: its sshd does not lead there`,
        {
          hint: 'AllowStreamLocalForwarding local in its sshd_config, and no "restrict" on our line of authorized_keys',
        },
      );
    const why = { ENOENT: 'there is no such socket', EACCES: 'permission denied' };
    const reason =
      status === OWN.second ? why.EACCES : (why[remoteErrno(stderr) as keyof typeof why] ?? 'nothing listens on it');
    return new ClusterCaError('ERR_REMOTE', `cannot connect to ${path} on ${this.label}: ${reason}`, {
      hint: 'is the service running, and may the user of ssh speak to its socket?',
    });
  }

  async #doing<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storageError(error, action, path, this.label);
    }
  }
}

/** 128 and SIGKILL. */
const KILLED = 137;

/** By the upper bits of a mode. */
const TYPES: Record<number, Entry['type']> = { 4: 'directory', 8: 'file', 10: 'link' };

function isAbsent({ status, stderr }: Executed): boolean {
  return status !== '0' && remoteErrno(stderr) === 'ENOENT';
}

/** @throws what the last tool said, with the system's error code */
function succeeded(done: Executed): Executed {
  if (done.status === '0') return done;
  const code = remoteErrno(done.stderr);
  const message = lastLine(done.stderr) || `it ended with ${done.status}`;
  throw Object.assign(new Error(message), code === undefined ? {} : { code });
}

/** As `chown` wants it: a user alone means their group too, and a number alone that group. */
function chownWord(owner: string): string {
  const { user, group } = splitOwner(owner);
  if (group !== undefined) return `${user}:${group}`;
  return /^\d+$/.test(user) ? `${user}:${user}` : `${user}:`;
}

function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once('connect', () => resolve(socket));
    socket.once('error', (cause) =>
      reject(
        new ClusterCaError('ERR_REMOTE', `the connection of ssh was lost: ${safeText(errno(cause) ?? cause.message)}`, {
          hint: 'run the same command again',
          cause,
        }),
      ),
    );
  });
}
