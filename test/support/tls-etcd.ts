import { Agent, request } from 'node:https';
import type { LoadClient } from './steady-load.ts';
import { type Material, PATIENCE } from './tls.ts';

interface Range {
  kvs?: { value: string }[];
}

/**
 * A client of an etcd cluster by its JSON gateway, over mutual TLS: as etcd's own clients do, it goes on to the next
 * endpoint when one does not answer, or answers that it cannot now.
 */
export class EtcdClient {
  /** Attempts that an endpoint did not carry out. */
  readonly missed: string[] = [];
  connections = 0;
  readonly #ports: readonly number[];
  readonly #material: () => Material;
  readonly #agent: Agent | undefined;
  #at: number;

  /** @param lasting connections are kept; else each request has its own, with a full handshake */
  constructor(ports: readonly number[], material: () => Material, lasting: boolean, first = 0) {
    this.#ports = ports;
    this.#material = material;
    this.#agent = lasting ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined;
    this.#at = first;
  }

  /** Writes a key, and reads back what it wrote. */
  async writeAndRead(key: string, value: string): Promise<void> {
    const [name, content] = [key, value].map((text) => Buffer.from(text).toString('base64'));
    await this.#call('/v3/kv/put', { key: name, value: content });
    const read = (await this.#call('/v3/kv/range', { key: name })) as Range;
    if (read.kvs?.[0]?.value !== content) throw new Error(`read ${JSON.stringify(read.kvs)}, not ${content}`);
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #call(path: string, body: object): Promise<unknown> {
    let last: unknown;
    for (let attempt = 0; attempt < this.#ports.length; attempt++) {
      const port = this.#ports[this.#at % this.#ports.length] as number;
      try {
        return await this.#post(port, path, JSON.stringify(body));
      } catch (error) {
        last = error;
        this.missed.push(`${port}${path}: ${error}`);
        this.#at++;
      }
    }
    throw last;
  }

  #post(port: number, path: string, body: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const asked = request({
        host: '127.0.0.1',
        port,
        path,
        method: 'POST',
        ...this.#material(),
        agent: this.#agent ?? false,
        timeout: PATIENCE,
      });
      asked.on('socket', (socket) => {
        if (socket.connecting) this.connections++;
      });
      asked.on('timeout', () => asked.destroy(new Error(`127.0.0.1:${port} is silent`)));
      asked.on('error', reject);
      asked.on('response', (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          if (response.statusCode === 200) resolve(JSON.parse(text));
          else reject(new Error(`HTTP ${response.statusCode}: ${text.trim()}`));
        });
      });
      asked.end(body);
    });
  }
}

/** Two clients with lasting connections, two with a new one for each request. */
export function etcdLoad(
  ports: readonly number[],
  material: () => Material,
): { clients: LoadClient[]; missed(): string[] } {
  const all = ['lasting', 'lasting', 'fresh', 'fresh'].map((group, i) => {
    const client = new EtcdClient(ports, material, group === 'lasting', i);
    const load: LoadClient = {
      group,
      operation: (round) => client.writeAndRead(`load/${i}/${round % 100}`, `${i} ${round}`),
      connections: () => client.connections,
      close: () => client.close(),
    };
    return { client, load };
  });
  return { clients: all.map(({ load }) => load), missed: () => all.flatMap(({ client }) => client.missed) };
}
