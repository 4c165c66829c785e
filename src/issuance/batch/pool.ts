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
  /** Sends a request; one about a slice that was made goes to whoever made it. */
  ask<T extends WorkerReply['type']>(request: WorkerRequest, expected: T): Promise<WorkerReply & { type: T }>;
  close(): Promise<void>;
}

/** A pool for this many certificates. */
export function openPool(certificates: number, data: WorkerData): Pool {
  const threads = Math.min(MOST_THREADS, availableParallelism());
  return certificates < THREADS_PAY_FROM || threads < 2 ? new LocalPool(data) : new ThreadPool(threads, data);
}

class LocalPool implements Pool {
  readonly #worker: SliceWorker;

  constructor(data: WorkerData) {
    this.#worker = new SliceWorker(data);
  }

  async ask<T extends WorkerReply['type']>(request: WorkerRequest, expected: T): Promise<WorkerReply & { type: T }> {
    return expect(this.#worker.handle(request), expected);
  }

  async close(): Promise<void> {}
}

/** Requests that a thread has at once: the next one is there when it is done with one. */
const IN_FLIGHT = 2;

interface Task {
  request: WorkerRequest;
  resolve: (reply: WorkerReply) => void;
  reject: (error: Error) => void;
}

class ThreadPool implements Pool {
  readonly #threads: Thread[];
  /** The thread that made a slice. */
  readonly #owners = new Map<number, Thread>();

  constructor(threads: number, data: WorkerData) {
    this.#threads = Array.from({ length: threads }, () => new Thread(data));
  }

  async ask<T extends WorkerReply['type']>(request: WorkerRequest, expected: T): Promise<WorkerReply & { type: T }> {
    const { id, type } = request;
    const thread = this.#owners.get(id) ?? this.#leastBusy();
    if (type === 'make') this.#owners.set(id, thread);
    else this.#owners.delete(id);
    return expect(await thread.ask(request), expected);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #leastBusy(): Thread {
    return this.#threads.reduce((least, thread) => (thread.load < least.load ? thread : least));
  }
}

class Thread {
  readonly #worker: Worker;
  readonly #queue: Task[] = [];
  readonly #sent: Task[] = [];

  constructor(data: WorkerData) {
    this.#worker = new Worker(workerFile(), {
      workerData: data,
      // Certificates are many small short-lived pieces: a larger nursery spares half of the collections.
      resourceLimits: { maxYoungGenerationSizeMb: 32 },
    });
    this.#worker.on('message', (reply: WorkerReply) => {
      this.#sent.shift()?.resolve(reply);
      this.#send();
    });
    this.#worker.on('error', (error) => {
      const reason = error instanceof Error ? error : new Error(String(error));
      for (const { reject } of [...this.#sent.splice(0), ...this.#queue.splice(0)]) reject(reason);
    });
  }

  get load(): number {
    return this.#queue.length + this.#sent.length;
  }

  /** What is asked of a slice that is made already goes before slices to be made: somebody waits for it. */
  ask(request: WorkerRequest): Promise<WorkerReply> {
    return new Promise((resolve, reject) => {
      const task = { request, resolve, reject };
      const making = this.#queue.findIndex((waiting) => waiting.request.type === 'make');
      if (request.type === 'make' || making < 0) this.#queue.push(task);
      else this.#queue.splice(making, 0, task);
      this.#send();
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(): void {
    while (this.#sent.length < IN_FLIGHT) {
      const task = this.#queue.shift();
      if (task === undefined) return;
      this.#sent.push(task);
      this.#worker.postMessage(task.request);
    }
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
