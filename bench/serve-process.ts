import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';

/** A server process, with all it says in a file. */
export class ServerProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when the port is listened on. @throws when the process ends before */
  static async start(
    file: string,
    args: string[],
    { env, log, port }: { env: Record<string, string>; log: string; port: number },
  ): Promise<ServerProcess> {
    const descriptor = openSync(log, 'a');
    const child = spawn(file, args, { env, stdio: ['ignore', descriptor, descriptor] });
    const server = new ServerProcess(child);
    while (!(await answers(port))) {
      if (child.exitCode !== null) throw new Error(`${file} ended: ${readFileSync(log, 'utf8')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return server;
  }

  /** CPU seconds, all threads together. */
  cpu(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    const [utime, stime] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    return (Number(utime) + Number(stime)) / 100;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
