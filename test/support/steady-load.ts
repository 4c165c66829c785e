import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './servers.ts';

/** One client of a load, which does one operation after the other. */
export interface LoadClient {
  /** Clients are counted together by their group: `lasting`, `fresh`. */
  group: string;
  /** One operation, with its own check of what came of it. Nothing that fails is retried. */
  operation(round: number): Promise<void>;
  /** How many it has opened. */
  connections(): number;
  close(): void;
}

/** How many operations were tried, over how many connections, and the first of those that failed. */
export interface Tally {
  operations: number;
  connections: number;
  failures: string[];
}

/**
 * Between two operations of a client, milliseconds: without it the load alone keeps the processors busy, and what is tested
 * and all other tests wait.
 */
export const BREATH = 5;

class Worker {
  operations = 0;
  readonly failures: string[] = [];
  readonly client: LoadClient;
  readonly #done: Promise<void>;
  #stopping = false;

  constructor(client: LoadClient) {
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
      this.operations++;
      try {
        await this.client.operation(round);
        await sleep(BREATH);
      } catch (error) {
        this.failures.push(`${this.client.group} ${round}: ${(error as NodeJS.ErrnoException).code ?? ''} ${error}`);
        await sleep(50);
      }
    }
  }
}

export interface SteadyLoad {
  /** Resolves when every client has tried this many operations more. */
  progress(operations: number): Promise<void>;
}

/** Does something while clients work, who end with it even when it fails. @returns what each group did */
export async function underSteadyLoad(
  clients: readonly LoadClient[],
  work: (load: SteadyLoad) => Promise<void>,
): Promise<Record<string, Tally>> {
  const workers = clients.map((client) => new Worker(client));
  const load: SteadyLoad = {
    async progress(operations) {
      const goals = workers.map((worker) => ({ worker, goal: worker.operations + operations }));
      await until('the load goes on', () => goals.every(({ worker, goal }) => worker.operations >= goal), 60_000);
    },
  };
  try {
    await work(load);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
  const tallies: Record<string, Tally> = {};
  for (const { client, operations, failures } of workers) {
    tallies[client.group] ??= { operations: 0, connections: 0, failures: [] };
    const tally = tallies[client.group] as Tally;
    tally.operations += operations;
    tally.connections += client.connections();
    tally.failures = [...tally.failures, ...failures].slice(0, 10);
  }
  return tallies;
}
