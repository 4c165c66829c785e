import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ClusterCaError } from '../../errors.ts';
import { SliceWorker, type WorkerData, type WorkerReply, type WorkerRequest } from './worker.ts';

/** From this many certificates on, threads pay for their start. */
const THREADS_PAY_FROM = 1000;
const MOST_THREADS = 8;

/** Whoever makes slices: threads for a fleet, this thread for a few. A slice stays with the one that made it. */
export interface Pool {
  readonly size: number;
  /** Sends a request to the member that slice `id` belongs to. */
  ask<T extends WorkerReply['type']>(request: WorkerRequest, expected: T): Promise<WorkerReply & { type: T }>;
  close(): Promise<void>;
}

/** A pool for this many certificates. */
export function openPool(certificates: number, data: WorkerData): Pool {
  const threads = Math.min(MOST_THREADS, availableParallelism());
  return certificates < THREADS_PAY_FROM || threads < 2 ? new LocalPool(data) : new ThreadPool(threads, data);
}

class LocalPool implements Pool {
  readonly size = 1;
  readonly #worker: SliceWorker;

  constructor(data: WorkerData) {
    this.#worker = new SliceWorker(data);
  }

  async ask<T extends WorkerReply['type']>(request: WorkerRequest, expected: T): Promise<WorkerReply & { type: T }> {
    return expect(await this.#worker.handle(request), expected);
  }

  async close(): Promise<void> {}
}

class ThreadPool implements Pool {
  readonly size: number;
  readonly #workers: Worker[];
  readonly #waiting = new Map<number, { resolve: (reply: WorkerReply) => void; reject: (error: Error) => void }>();

  constructor(threads: number, data: WorkerData) {
    this.size = threads;
    this.#workers = Array.from({ length: threads }, () => this.#start(data));
  }

  async ask<T extends WorkerReply['type']>(request: WorkerRequest, expected: T): Promise<WorkerReply & { type: T }> {
    const worker = this.#workers[request.id % this.size] as Worker;
    const reply = await new Promise<WorkerReply>((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject });
      worker.postMessage(request);
    });
    return expect(reply, expected);
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #start(data: WorkerData): Worker {
    const worker = new Worker(workerFile(), {
      workerData: data,
      // Certificates are many small short-lived pieces: a larger nursery spares half of the collections.
      resourceLimits: { maxYoungGenerationSizeMb: 64 },
    });
    worker.on('message', (reply: WorkerReply) => {
      this.#waiting.get(reply.id)?.resolve(reply);
      this.#waiting.delete(reply.id);
    });
    worker.on('error', (error) => {
      for (const { reject } of this.#waiting.values())
        reject(error instanceof Error ? error : new Error(String(error)));
      this.#waiting.clear();
    });
    return worker;
  }
}

function expect<T extends WorkerReply['type']>(reply: WorkerReply | undefined, expected: T): WorkerReply & { type: T } {
  if (reply?.type === 'failed') throw new ClusterCaError('ERR_LINT', reply.message);
  if (reply?.type !== expected) throw new Error(`a batch worker answered ${reply?.type}, not ${expected}`);
  return reply as WorkerReply & { type: T };
}

/** The bundle of the worker stands beside ours; from the sources (tests) it is in dist/. */
function workerFile(): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(here.endsWith('.ts') ? '../../../dist/batch-worker.cjs' : './batch-worker.cjs', here));
}
