import { type ChildProcess, spawn } from 'node:child_process';
import { CLUSTER_CA } from './cli.ts';

/** An event of `serve --json` or `agent --json`: one object a line. */
export type Event = Record<string, unknown> & { event: string };

/** A long-running `cluster-ca … --json` that tells events. */
export class EventProcess {
  readonly events: Event[] = [];
  stderr = '';
  #child: ChildProcess | undefined;
  #ended: Promise<number | null> = Promise.resolve(null);

  /** @param env what it has besides PATH and a locale */
  protected spawn(args: readonly string[], env: Record<string, string>): void {
    const child = spawn(process.execPath, [CLUSTER_CA, ...args, '--json', '--no-input'], {
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('close', resolve));
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    let rest = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.events.push(JSON.parse(line) as Event);
    });
  }

  /** The exit code, when it ends. */
  protected get ended(): Promise<number | null> {
    return this.#ended;
  }

  get pid(): number {
    return this.#child?.pid as number;
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
