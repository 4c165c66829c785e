import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Agent, post } from './serve-clients.ts';
import { freePort, ServerProcess } from './serve-process.ts';
import { type Home, timed } from './support.ts';

const CLUSTER_CA = fileURLToPath(new URL('../bin/cluster-ca', import.meta.url));

/** `cluster-ca serve`: what it answers with is in the log, and synced. */
export class OurServer {
  readonly name = 'cluster-ca serve, durable';
  readonly port: number;
  readonly #process: ServerProcess;

  private constructor(port: number, process: ServerProcess) {
    this.port = port;
    this.#process = process;
  }

  static async start(home: Home, env: Record<string, string>): Promise<OurServer> {
    const key = join(home.path, 'serve.key');
    await timed(['keystore', 'slot', 'add', 'serve', '--new-key-file', key], env);
    const port = await freePort();
    const args = ['serve', '--listen', `127.0.0.1:${port}`, '--key-file', key, '--no-input'];
    const log = join(home.path, 'serve.log');
    return new OurServer(port, await ServerProcess.start(process.execPath, [CLUSTER_CA, ...args], { env, log, port }));
  }

  request({ node }: Agent, csr: string): Buffer {
    return post(`/v1/nodes/${node}/certificates`, { csr });
  }

  cpu(): number {
    return this.#process.cpu();
  }

  stop(): void {
    this.#process.stop();
  }
}
