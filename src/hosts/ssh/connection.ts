import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterCaError } from '../../errors.ts';
import type { Listening } from '../host.ts';
import { type OpenListener, openListener } from '../loopback.ts';
import { Agent } from './agent.ts';
import { complaint, lastLine } from './complaint.ts';
import type { Destination } from './destination.ts';
import type { Executed, Limits } from './execution.ts';
import { backwardOf, forwardingOf } from './forwarding.ts';
import { CONTROL, makePrivateDirectory, removePrivateDirectory } from './private-directory.ts';
import { newMark, notStarted, remoteCommand, spawnSsh } from './program.ts';
import { AGENT } from './scripts.ts';
import { followSession } from './session.ts';

/** Milliseconds that logging in may take in all, beyond what ssh itself waits for an answer. */
const LOGIN = 30_000;
/** Sessions at the same time: sshd allows ten in one connection, of which the agent has one. */
const AT_ONCE = 4;
/** What is kept of what ssh says. */
const MOST_SAID = 16 << 10;
/** What no prompt, no configuration of the user and no server can change. */
const STRICT = {
  BatchMode: 'yes',
  StrictHostKeyChecking: 'yes',
  UpdateHostKeys: 'no',
  ConnectTimeout: 10,
  ConnectionAttempts: 1,
  ServerAliveInterval: 5,
  ServerAliveCountMax: 3,
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

/**
 * A login by the system's ssh: one connection, in whose first session an agent answers, and through whose control
 * socket other sessions and forwardings go. It ends with this process, however that ends, because the agent reads a
 * pipe of ours.
 */
export class SshConnection {
  readonly #destination: Destination;
  readonly #directory: string;
  readonly #master: ChildProcess;
  readonly #agent: Agent;
  readonly #forwarded = new Map<string, Promise<string>>();
  readonly #waiting: (() => void)[] = [];
  readonly #listeners = new Set<OpenListener>();
  #names = 0;
  #running = 0;
  #said = '';
  #ended = false;
  #cause: Error | undefined;

  private constructor(destination: Destination, directory: string, master: ChildProcess) {
    this.#destination = destination;
    this.#directory = directory;
    this.#master = master;
    this.#agent = new Agent(master);
    master.stdin?.on('error', () => {});
    master.stderr?.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString('utf8')).slice(-MOST_SAID);
    });
    master.once('close', () => this.#end());
    master.once('error', (cause) => {
      this.#cause = cause;
      this.#end();
    });
  }

  /** @throws ERR_REMOTE, ERR_TIMEOUT: nothing is left of it */
  static async open(destination: Destination): Promise<SshConnection> {
    const directory = makePrivateDirectory();
    const mark = newMark();
    const options = Object.entries(STRICT).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    const master = spawnSsh([
      ...['-M', '-S', join(directory, CONTROL), '-T'],
      ...options,
      ...['--', destination.text, remoteCommand(AGENT, [mark])],
    ]);
    const connection = new SshConnection(destination, directory, master);
    const { instead, noise } = await connection.#agent.begins(mark, LOGIN);
    if (instead === undefined) return connection;
    const error = connection.#noLogin(instead, noise);
    await connection.close();
    throw error;
  }

  /** Whether it has ended, by itself or by {@link close}. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Has the agent run a script, which is given nothing to read; one after the other.
   * @throws ERR_REMOTE when the connection ends before the script does; ERR_TIMEOUT, which ends the connection
   */
  async ask(script: string, args: readonly string[], limits: Limits): Promise<Executed> {
    const answer = await this.#agent.ask(script, args, limits);
    if (answer === 'lost') throw this.#lost();
    if (answer !== 'late') return answer;
    await this.close();
    throw this.#silent(limits.timeout);
  }

  /**
   * Runs a script in a session of its own, with something to read.
   * @throws ERR_REMOTE when the connection ends before the script does; ERR_TIMEOUT
   */
  async execute(
    script: string,
    args: readonly string[],
    input: readonly Uint8Array[],
    limits: Limits,
  ): Promise<Executed> {
    const mark = newMark();
    const command = remoteCommand(script, [mark, ...args]);
    const release = await this.#turn();
    const child = this.#client(['-T', '--', this.#destination.text, command]);
    child.once('close', release);
    const done = await followSession(child, mark, input, limits);
    if (done === 'late') throw this.#silent(limits.timeout);
    if ('cutOff' in done) throw await this.#cutOff(done.cutOff);
    return done;
  }

  /**
   * A local socket that leads to a remote one. Whether anything listens there shows when it is used.
   * @throws ERR_REMOTE
   */
  async forward(path: string): Promise<string> {
    const known = this.#forwarded.get(path);
    if (known !== undefined) return known;
    const made = this.#makeForwarding(path, join(this.#directory, String(this.#names++)));
    this.#forwarded.set(path, made);
    return made;
  }

  /**
   * Opens a port on 127.0.0.1 there; who connects to it comes here by a socket of ours.
   * @param port 0: any free one
   * @throws ERR_REMOTE
   */
  async listen(take: (socket: Socket) => void, port: number): Promise<Listening> {
    const path = join(this.#directory, String(this.#names++));
    const listener = await openListener({ path }, take);
    this.#listeners.add(listener);
    const close = async (): Promise<void> => {
      this.#listeners.delete(listener);
      await listener.close();
    };
    const { code, stdout, stderr } = await this.#control('forward', backwardOf(port, path));
    const opened = port === 0 ? Number(/^\d+$/m.exec(stdout)?.[0] ?? 0) : port;
    if (code !== 0 || opened === 0) {
      await close();
      const why = lastLine(stderr) || 'ssh does not lead back from there';
      throw new ClusterCaError(
        'ERR_REMOTE',
        `cannot listen on 127.0.0.1:${port} of ${this.#destination.text}: ${why}`,
        {
          hint: 'AllowTcpForwarding in its sshd_config, and no "restrict" without "port-forwarding" on our line of authorized_keys',
        },
      );
    }
    return {
      port: opened,
      close: async () => {
        // As it was asked for: ssh knows it by these words.
        if (!this.#ended) await this.#control('cancel', backwardOf(port, path));
        await close();
      },
    };
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

  async #makeForwarding(path: string, local: string): Promise<string> {
    const { code, stderr } = await this.#control('forward', ['-L', forwardingOf(local, path)]);
    if (code === 0) return local;
    throw new ClusterCaError(
      'ERR_REMOTE',
      `cannot connect to ${path} on ${this.#destination.text}: ${lastLine(stderr) || 'ssh does not forward it'}`,
      { hint: 'is the path right?' },
    );
  }

  /** Asks the master for something, or takes it back. */
  async #control(
    what: 'forward' | 'cancel',
    words: readonly string[],
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = this.#client(['-O', what, ...words, '--', this.#destination.text]);
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name]?.on('data', (chunk: Buffer) => {
        said[name] += chunk.toString('utf8');
      });
    child.stdin?.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), LOGIN);
    const [code] = await once(child, 'close').finally(() => clearTimeout(timer));
    return { code, ...said };
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

  #noLogin(instead: 'lost' | 'late', noise: string): ClusterCaError {
    const { text } = this.#destination;
    if (instead === 'late')
      return new ClusterCaError('ERR_TIMEOUT', `${text} did not let us in within ${LOGIN / 1000} s`, {
        hint: `see what it waits for: ssh -v -o BatchMode=yes ${text} true`,
        details: { host: text, reason: 'silent', unreachable: true },
      });
    if (this.#cause !== undefined) return notStarted(this.#cause);
    if (this.#master.exitCode === 255) return complaint(this.#destination, this.#said);
    const why = lastLine(noise) || lastLine(this.#said) || `its login shell ended with ${this.#master.exitCode}`;
    return new ClusterCaError('ERR_REMOTE', `${text} lets us in and gives no shell: ${why}`, {
      hint: 'the user needs a shell there: no forced command, no nologin',
      details: { host: text, reason: 'shell' },
    });
  }

  #silent(timeout: number): ClusterCaError {
    const { text } = this.#destination;
    return new ClusterCaError('ERR_TIMEOUT', `${text} did not answer within ${timeout / 1000} s`, {
      hint: `is it overloaded, or its file system gone? ssh -o BatchMode=yes ${text} true`,
      details: { host: text, reason: 'silent' },
    });
  }

  #lost(): ClusterCaError {
    const { text } = this.#destination;
    const why = lastLine(this.#said);
    return new ClusterCaError('ERR_REMOTE', `the connection to ${text} was lost${why === '' ? '' : `: ${why}`}`, {
      hint: 'run the same command again',
      details: { host: text, reason: 'lost', unreachable: true },
    });
  }

  /** A session that has not ended as scripts do: with the connection, as a rule. */
  async #cutOff(said: string): Promise<ClusterCaError> {
    // The master learns of it at about the same time.
    for (let i = 0; i < 20 && !this.#ended; i++) await sleep(25);
    if (this.#ended) return this.#lost();
    const { text } = this.#destination;
    const refused = /Session open refused/.test(said);
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
    for (const listener of this.#listeners) void listener.close();
    this.#listeners.clear();
  }
}
