import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './servers.ts';
import { BREATH } from './steady-load.ts';
import type { Material } from './tls.ts';
import { ClusterClient } from './tls-redis-cluster.ts';

const KEYS = 500;

/** How many operations were tried, over how many connections, and the first of those that failed. */
export interface Tally {
  operations: number;
  connections: number;
  failures: string[];
}

/** Writes, and reads back what it wrote, one operation after the other, until it is told to stop. */
class Writer {
  operations = 0;
  readonly failures: string[] = [];
  readonly client: ClusterClient;
  readonly #name: string;
  readonly #done: Promise<void>;
  #stopping = false;

  constructor(name: string, client: ClusterClient) {
    this.#name = name;
    this.client = client;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
    this.client.close();
  }

  async #run(): Promise<void> {
    for (let round = 0; !this.#stopping; round++) {
      const key = `${this.#name}:${round % KEYS}`;
      const written = await this.#operation('OK', key, 'SET', key, `value ${round}`);
      if (written) await this.#operation(`value ${round}`, key, 'GET', key);
      await sleep(written ? BREATH : 50);
    }
  }

  async #operation(expected: string, key: string, ...words: string[]): Promise<boolean> {
    this.operations++;
    try {
      const reply = await this.client.send(key, ...words);
      if (reply !== expected) throw new Error(`read ${JSON.stringify(reply)}, not ${JSON.stringify(expected)}`);
      return true;
    } catch (error) {
      this.failures.push(`${words[0]} ${key}: ${(error as NodeJS.ErrnoException).code ?? ''} ${error}`);
      return false;
    }
  }
}

/**
 * A verifying load on a Redis cluster: two writers with long-lived connections, two with a new connection, and so a
 * full handshake, for each operation. Nothing that fails is retried.
 */
class Load {
  readonly #lasting: Writer[];
  readonly #fresh: Writer[];

  constructor(seed: number, material: Material) {
    this.#lasting = [1, 2].map((n) => new Writer(`lasting-${n}`, new ClusterClient(seed, material, true)));
    this.#fresh = [1, 2].map((n) => new Writer(`fresh-${n}`, new ClusterClient(seed, material, false)));
  }

  get #writers(): Writer[] {
    return [...this.#lasting, ...this.#fresh];
  }

  /** Resolves when every writer has tried this many operations more. */
  async progress(operations: number): Promise<void> {
    const goals = this.#writers.map((writer) => ({ writer, goal: writer.operations + operations }));
    await until('the load goes on', () => goals.every(({ writer, goal }) => writer.operations >= goal));
  }

  /** New connections present this from now on. */
  present(material: Material): void {
    for (const { client } of this.#writers) client.material = material;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
  }

  tallies(): { lasting: Tally; fresh: Tally } {
    return { lasting: tally(this.#lasting), fresh: tally(this.#fresh) };
  }
}

/** Does something while a load runs, which ends with it even when it fails. @returns what the load did */
export async function underLoad(
  seed: number,
  material: Material,
  work: (load: Load) => Promise<void>,
): Promise<{ lasting: Tally; fresh: Tally }> {
  const load = new Load(seed, material);
  try {
    await work(load);
  } finally {
    await load.stop();
  }
  return load.tallies();
}

function tally(writers: Writer[]): Tally {
  return {
    operations: writers.reduce((sum, writer) => sum + writer.operations, 0),
    connections: writers.reduce((sum, writer) => sum + writer.client.connections, 0),
    failures: writers.flatMap((writer) => writer.failures).slice(0, 10),
  };
}
