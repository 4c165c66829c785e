import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import type { Daemon } from '../server/daemon.ts';
import { EventProcess } from '../support/event-process.ts';
import { warmCli } from '../support/warm.ts';

/** A running `cluster-ca agent` of a node that has joined by a token. It ends with the test file. */
export class AgentProcess extends EventProcess {
  readonly daemon: Daemon;
  readonly node: string;
  /** DIR of `enroll` and `agent`. */
  out: string;
  readonly config: string;

  constructor(daemon: Daemon, node: string, directory: string) {
    super();
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
    this.spawn(args, { HOME: '/nonexistent' });
  }
}

const agents: AgentProcess[] = [];
afterAll(() => Promise.all(agents.map((agent) => agent.stop('SIGKILL'))));
