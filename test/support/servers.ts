import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from '@jest/globals';
import { executable } from './debian.ts';

export interface ServerOptions {
  name: string;
  /** Its own directory: made here, its working directory, with its output in `output.log`. */
  directory: string;
  file: string;
  args: string[];
  /** Asked again and again until it says yes. */
  ready: () => Promise<boolean>;
}

/** The server processes of one test file and the directory they work in. Both are gone after it, whatever happened. */
export class Servers {
  readonly #name: string;
  readonly #servers: Server[] = [];
  #directory: string | undefined;

  constructor(name: string) {
    this.#name = name;
    afterAll(async () => {
      await Promise.all(this.#servers.map((server) => server.stop()));
      if (this.#directory) await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 });
    });
  }

  /** Made when it is first asked for, by a hook or a test: where all are skipped, nothing would remove it. */
  get directory(): string {
    this.#directory ??= realpathSync(mkdtempSync(join(tmpdir(), `cluster-ca-${this.#name}-`)));
    return this.#directory;
  }

  /** Starts a server in the foreground and waits until it is ready. */
  async start(options: ServerOptions): Promise<Server> {
    const server = new Server(options);
    this.#servers.push(server);
    await until(`${options.name} is ready`, async () => {
      if (!server.running) throw new Error(`${options.name} ended:\n${server.tail()}`);
      return options.ready();
    }).catch((cause: unknown) => {
      throw new Error(`${options.name} did not start:\n${server.tail()}`, { cause });
    });
    return server;
  }
}

export class Server {
  readonly #child: ChildProcess;
  readonly #log: string;
  #failure: Error | undefined;

  constructor({ directory, file, args }: ServerOptions) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#log = join(directory, 'output.log');
    const descriptor = openSync(this.#log, 'w', 0o600);
    // With setpriv the kernel ends the server when the process of the test dies, however it dies.
    const setpriv = executable('setpriv');
    const [command, words] = setpriv ? [setpriv, ['--pdeathsig', 'KILL', file, ...args]] : [file, args];
    // A group of its own: with a master its workers end too.
    this.#child = spawn(command, words, {
      cwd: directory,
      stdio: ['ignore', descriptor, descriptor],
      detached: true,
    });
    this.#child.on('error', (error) => {
      this.#failure = error;
    });
    closeSync(descriptor);
  }

  get running(): boolean {
    return this.#failure === undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('it did not start');
    return this.#child.pid;
  }

  /** Everything that it has written to standard output and standard error. */
  output(): string {
    return readFileSync(this.#log, 'utf8');
  }

  /** Waits until it has written something. */
  async says(words: string | RegExp): Promise<void> {
    const said = (): boolean => this.output().search(words) >= 0;
    await until(`the server says ${words}`, said).catch((cause: unknown) => {
      throw new Error(`${cause}; it said:\n${this.tail()}`, { cause });
    });
  }

  tail(lines = 20): string {
    return this.#failure?.message ?? this.output().split('\n').slice(-lines).join('\n');
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    const gone = once(this.#child, 'exit');
    process.kill(-(this.#child.pid as number), 'SIGKILL');
    await gone;
  }
}

/** Waits until something is so, and fails by name when it does not come about. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limit = 90_000): Promise<void> {
  for (const end = Date.now() + limit; Date.now() < end; await sleep(25)) if (await holds()) return;
  throw new Error(`waited ${limit / 1000} s in vain: ${what}`);
}
