import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from '../../crypto/hash.ts';
import { ClusterCaError } from '../../errors.ts';
import { errno } from '../../keystore/directory/errors.ts';
import { toHex } from '../../pki/encoding.ts';
import { complaint, lastLine } from './complaint.ts';
import type { Destination } from './destination.ts';
import { Framed } from './framed.ts';
import { CONTROL, makePrivateDirectory, removePrivateDirectory } from './private-directory.ts';
import { shellQuote } from './quote.ts';

/** Seconds until a host that says nothing is given up, and how it is noticed later. */
const CONNECT = 10;
const ALIVE = { ServerAliveInterval: 5, ServerAliveCountMax: 3 };
/** Milliseconds that logging in may take in all. */
const LOGIN = 30_000;
/** What sshd allows is ten sessions in one connection, of which one keeps it open. */
const AT_ONCE = 4;
/** What is kept of what ssh says. */
const MOST_SAID = 16 << 10;

/** What no prompt, no configuration of the user and no server can change. */
const STRICT = {
  BatchMode: 'yes',
  StrictHostKeyChecking: 'yes',
  UpdateHostKeys: 'no',
  ConnectTimeout: CONNECT,
  ConnectionAttempts: 1,
  ...ALIVE,
  ControlPersist: 'no',
  ClearAllForwardings: 'yes',
  ForwardAgent: 'no',
  ForwardX11: 'no',
  Tunnel: 'no',
  PermitLocalCommand: 'no',
  RemoteCommand: 'none',
  RequestTTY: 'no',
  LogLevel: 'INFO',
};

/** Says that the login shell has run it, and then keeps the connection open until this process ends. */
const KEEP_OPEN = `printf '%s:start;' "$1"; exec cat >/dev/null`;

export interface Execution {
  /** Standard input, one after the other. */
  input?: readonly Uint8Array[];
  /** Milliseconds for all of it. */
  timeout: number;
  /** Octets of each output that are kept. */
  most: number;
}

/** What a script came to. */
export interface Executed {
  /** An exit status, or a word of the script's. */
  status: string;
  stdout: Buffer;
  stderr: string;
}

/**
 * A login by the system's ssh: one connection, through whose control socket sessions and forwardings go. It ends with
 * this process, however that ends, because its session reads a pipe of ours.
 */
export class SshConnection {
  readonly #destination: Destination;
  readonly #directory: string;
  readonly #master: ChildProcess;
  readonly #forwarded = new Map<string, Promise<string>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #said = '';
  #ended = false;

  private constructor(destination: Destination, directory: string, master: ChildProcess) {
    this.#destination = destination;
    this.#directory = directory;
    this.#master = master;
    master.stdin?.on('error', () => {});
    master.stderr?.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString('utf8')).slice(-MOST_SAID);
    });
    master.once('close', () => this.#end());
    master.once('error', () => this.#end());
  }

  /** @throws ERR_REMOTE, ERR_TIMEOUT: nothing is left of it */
  static async open(destination: Destination): Promise<SshConnection> {
    const directory = makePrivateDirectory();
    const mark = newMark();
    const options = Object.entries(STRICT).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    const master = spawnSsh([
      ...['-M', '-S', join(directory, CONTROL), '-T'],
      ...options,
      ...['--', destination.text, remoteCommand(KEEP_OPEN, [mark])],
    ]);
    const connection = new SshConnection(destination, directory, master);
    try {
      await connection.#loggedIn(mark);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** Whether it has ended, by itself or by {@link close}. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Runs a script in a session of its own.
   * @throws ERR_REMOTE when the connection ends before the script does; ERR_TIMEOUT
   */
  async execute(script: string, args: readonly string[], execution: Execution): Promise<Executed> {
    const release = await this.#turn();
    const mark = newMark();
    let child: ChildProcess;
    try {
      child = this.#client(['-T', '--', this.#destination.text, remoteCommand(script, [mark, ...args])]);
    } catch (error) {
      release();
      throw error;
    }
    child.once('close', release);
    const outputs = [new Framed(mark, execution.most), new Framed(mark, execution.most)] as const;
    const [stdout, stderr] = outputs;
    child.stdin?.on('error', () => {});
    for (const part of execution.input ?? []) child.stdin?.write(part);
    child.stdin?.end();
    const whole = await new Promise<boolean>((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        reject(this.#silent(execution.timeout));
      }, execution.timeout);
      const end = (complete: boolean): void => {
        clearTimeout(timer);
        resolve(complete);
      };
      for (const [stream, framed] of [
        [child.stdout, stdout],
        [child.stderr, stderr],
      ] as const)
        stream?.on('data', (chunk: Buffer) => {
          framed.push(chunk);
          if (outputs.every(({ word }) => word !== undefined)) end(true);
        });
      child.once('error', () => end(false));
      child.once('close', () => end(false));
    });
    if (!whole) throw await this.#cutOff(stderr);
    // A daemon that the script has started may hold the session open.
    setTimeout(() => child.kill(), 200).unref();
    return { status: stdout.word as string, stdout: stdout.content, stderr: stderr.content.toString('utf8') };
  }

  /**
   * A local socket that leads to a remote one. Whether anything listens there shows when it is used.
   * @throws ERR_REMOTE
   */
  async forward(path: string): Promise<string> {
    const known = this.#forwarded.get(path);
    if (known !== undefined) return known;
    const made = this.#makeForwarding(path, join(this.#directory, String(this.#forwarded.size)));
    this.#forwarded.set(path, made);
    made.catch(() => this.#forwarded.delete(path));
    return made;
  }

  /** Ends it, and removes what it had on this host. */
  async close(): Promise<void> {
    if (!this.#ended) {
      const gone = once(this.#master, 'close');
      this.#master.kill('SIGTERM');
      const timer = setTimeout(() => this.#master.kill('SIGKILL'), 2_000);
      await gone.catch(() => {});
      clearTimeout(timer);
    }
    this.#end();
  }

  async #loggedIn(mark: string): Promise<void> {
    const output = new Framed(mark, 0);
    const master = this.#master;
    const outcome = await new Promise<'in' | 'late' | { code: number | null } | { cause: Error }>((resolve) => {
      const timer = setTimeout(() => resolve('late'), LOGIN);
      const end = (result: 'in' | { code: number | null } | { cause: Error }): void => {
        clearTimeout(timer);
        resolve(result);
      };
      master.stdout?.on('data', (chunk: Buffer) => {
        output.push(chunk);
        if (output.started) end('in');
      });
      master.once('error', (cause) => end({ cause }));
      master.once('close', (code) => end({ code }));
    });
    if (outcome === 'in') return;
    const { text } = this.#destination;
    if (outcome === 'late')
      throw new ClusterCaError('ERR_TIMEOUT', `${text} did not let us in within ${LOGIN / 1000} s`, {
        hint: `see what it waits for: ssh -v -o BatchMode=yes ${text} true`,
        details: { host: text, reason: 'silent', unreachable: true },
      });
    if ('cause' in outcome) throw notStarted(outcome.cause);
    if (outcome.code === 255) throw complaint(this.#destination, this.#said);
    throw new ClusterCaError(
      'ERR_REMOTE',
      `${text} lets us in and gives no shell: ${lastLine(output.noise) || lastLine(this.#said) || `its login shell ended with ${outcome.code}`}`,
      { hint: 'the user needs a shell there: no forced command, no nologin', details: { host: text, reason: 'shell' } },
    );
  }

  async #makeForwarding(path: string, local: string): Promise<string> {
    const what = `${forwardWord(local)}:${forwardWord(path)}`;
    const child = this.#client(['-O', 'forward', '-L', what, '--', this.#destination.text]);
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
    child.stdin?.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), LOGIN);
    const [code] = await once(child, 'close').finally(() => clearTimeout(timer));
    if (code === 0) return local;
    throw new ClusterCaError(
      'ERR_REMOTE',
      `cannot connect to ${path} on ${this.#destination.text}: ${lastLine(said) || 'ssh does not forward it'}`,
      { hint: 'is the path right?' },
    );
  }

  /** An ssh that speaks with the master alone, and never with the host: without a master it fails. */
  #client(args: readonly string[]): ChildProcess {
    return spawnSsh([
      ...['-F', 'none', '-S', join(this.#directory, CONTROL)],
      ...['-o', 'BatchMode=yes', '-o', 'ProxyCommand=false', ...args],
    ]);
  }

  /** Waits for a free session. @returns what gives it back */
  async #turn(): Promise<() => void> {
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    };
  }

  #silent(timeout: number): ClusterCaError {
    const { text } = this.#destination;
    return new ClusterCaError('ERR_TIMEOUT', `${text} did not answer within ${timeout / 1000} s`, {
      hint: `is it overloaded, or its file system gone? ssh -o BatchMode=yes ${text} true`,
      details: { host: text, reason: 'silent' },
    });
  }

  /** A script that has not ended as scripts do: with the connection, as a rule. */
  async #cutOff(stderr: Framed): Promise<ClusterCaError> {
    // The master learns of it at about the same time.
    for (let i = 0; i < 20 && !this.#ended; i++) await sleep(25);
    const { text } = this.#destination;
    if (this.#ended) {
      const why = lastLine(this.#said);
      return new ClusterCaError('ERR_REMOTE', `the connection to ${text} was lost${why === '' ? '' : `: ${why}`}`, {
        hint: 'run the same command again',
        details: { host: text, reason: 'lost', unreachable: true },
      });
    }
    const refused = /Session open refused/.test(stderr.noise);
    return new ClusterCaError('ERR_REMOTE', `${text} ${refused ? 'refuses another session' : 'ended the session'}`, {
      hint: refused
        ? `MaxSessions in its sshd_config: ${AT_ONCE + 1} or more`
        : 'was something killed there? run the same command again',
      details: { host: text, reason: 'session' },
    });
  }

  #end(): void {
    if (!this.#ended) removePrivateDirectory(this.#directory);
    this.#ended = true;
  }
}

const DOLLAR = 'CLUSTER_CA_DOLLAR';

/** A socket's path for -L, where a colon and a backslash mean something, and so do ssh's tokens and variables. */
function forwardWord(path: string): string {
  return path.replace(/[\\:]/g, '\\$&').replaceAll('%', '%%').replaceAll('${', `\${${DOLLAR}}{`);
}

function spawnSsh(args: readonly string[]): ChildProcess {
  const { CLUSTER_CA_PASSPHRASE: _, ...env } = process.env;
  return spawn('ssh', args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...env, LC_ALL: 'C', [DOLLAR]: '$' } });
}

function remoteCommand(script: string, args: readonly string[]): string {
  return ['exec', 'sh', '-c', script, 'sh', ...args].map(shellQuote).join(' ');
}

function newMark(): string {
  return toHex(randomBytes(16));
}

function notStarted(cause: Error): ClusterCaError {
  return new ClusterCaError(
    'ERR_REMOTE',
    `cannot run ssh: ${errno(cause) === 'ENOENT' ? 'there is no such program' : cause.message}`,
    { hint: 'install it: apt-get install openssh-client', cause },
  );
}
