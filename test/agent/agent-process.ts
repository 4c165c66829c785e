import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import type { Daemon, Event } from '../server/daemon.ts';
import { CLUSTER_CA } from '../support/cli.ts';
import { warmCli } from '../support/warm.ts';

/** A running `cluster-ca agent` of a node that has joined by a token. It ends with the test file. */
export class AgentProcess {
  readonly daemon: Daemon;
  readonly node: string;
  /** DIR of `enroll` and `agent`. */
  out: string;
  readonly config: string;
  readonly events: Event[] = [];
  stderr = '';
  #child: ChildProcess | undefined;
  #ended: Promise<number | null> = Promise.resolve(null);

  constructor(daemon: Daemon, node: string, directory: string) {
    this.daemon = daemon;
    this.node = node;
    this.out = join(directory, node);
    this.config = join(directory, `${node}.yaml`);
    agents.push(this);
  }

  get url(): string {
    return `https://localhost:${this.daemon.port}`;
  }

  /** The directory with what the node has for a plane. */
  files(plane = 'data'): string {
    return join(this.out, this.node, plane);
  }

  /** Makes a token where the keystore is, and joins with it. */
  async join(...planes: string[]): Promise<void> {
    await mkdir(this.out, { recursive: true });
    const token = join(this.out, 'token');
    const flags = planes.flatMap((plane) => ['--plane', plane]);
    const made = await this.daemon.ca.run('join-token', this.node, ...flags);
    await writeFile(token, `${made.token}\n`);
    await chmod(token, 0o600);
    const { code, stderr } = await warmCli(['enroll', '--server', this.url, '--token-file', token, '--out', this.out]);
    if (code !== 0) throw new Error(stderr);
  }

  /** @param services of the agent's file, YAML in flow style */
  async configure(...services: string[]): Promise<void> {
    await writeFile(this.config, `services:\n${services.map((service) => `  - ${service}\n`).join('')}`);
  }

  start(): void {
    this.startWith(['agent', '--server', this.url, '--node', this.node, '--config', this.config, '--out', this.out]);
  }

  /** The same with these words. */
  startWith(args: readonly string[]): void {
    const child = spawn(process.execPath, [CLUSTER_CA, ...args, '--json', '--no-input'], {
      env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', LC_ALL: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('close', resolve));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    let rest = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.events.push(JSON.parse(line) as Event);
    });
  }

  /** Waits for the first event of a kind, or the one that suits. */
  async event(kind: string, suits: (event: Event) => boolean = () => true): Promise<Event> {
    for (;;) {
      const found = this.events.find((event) => event.event === kind && suits(event));
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** @returns the exit code */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#child?.kill(signal);
    return this.#ended;
  }
}

const agents: AgentProcess[] = [];
afterAll(() => Promise.all(agents.map((agent) => agent.stop('SIGKILL'))));
