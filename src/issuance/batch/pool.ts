import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { ClusterCaError } from '../../errors.ts';
import type { WorkerReply, WorkerRequest } from './messages.ts';
import { pack } from './transport.ts';
import { SliceWorker, type WorkerData } from './worker.ts';

/** From this many certificates on, threads pay for their start. */
const THREADS_PAY_FROM = 1000;
const MOST_THREADS = 8;

/** Whoever makes slices: threads for a fleet, this thread for a few. A slice stays with the one that made it. */
export interface Pool {
  /** Sends a request; one about a slice that was made goes to whoever made it. */
  ask<T extends WorkerReply['type']>(request: WorkerRequest, expected: T): Promise<WorkerReply & { type: T }>;
  close(): Promise<void>;
}

/** A pool for this many certificates. A token has one session, and is slower than a thread: it needs no second. */
export function openPool(certificates: number, data: WorkerData): Pool {
  const threads = Math.min(MOST_THREADS, availableParallelism());
  const alone = certificates < THREADS_PAY_FROM || threads < 2 || 'signNow' in data.issuer.key;
  return alone ? new LocalPool(data) : new ThreadPool(threads, data);
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
    if (type === 'write' || type === 'archive' || type === 'drop') this.#owners.delete(id);
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
  /** What is asked of a slice that is made already: the thread looks here between two slices, because somebody waits. */
  readonly #urgent: MessagePort;
  /** By slice: there is never more than one request about one. */
  readonly #waiting = new Map<number, { resolve: (reply: WorkerReply) => void; reject: (error: Error) => void }>();

  constructor(data: WorkerData) {
    const { port1, port2 } = new MessageChannel();
    this.#urgent = port1;
    this.#urgent.unref();
    this.#worker = new Worker(workerFile(), {
      workerData: { ...data, urgent: port2 },
      transferList: [port2],
      // What a slice leaves behind is short-lived: a larger nursery would hold more of it, and be hardly faster.
      resourceLimits: { maxYoungGenerationSizeMb: 16 },
    });
    this.#worker.on('message', (reply: WorkerReply) => {
      this.#waiting.get(reply.id)?.resolve(reply);
      this.#waiting.delete(reply.id);
    });
    this.#worker.on('error', (error) => {
      for (const { reject } of this.#waiting.values())
        reject(error instanceof Error ? error : new Error(String(error)));
      this.#waiting.clear();
    });
  }

  /** How many requests are not answered yet. */
  get load(): number {
    return this.#waiting.size;
  }

  ask(request: WorkerRequest): Promise<WorkerReply> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject });
      if (request.type === 'make') this.#worker.postMessage(pack(request));
      else this.#urgent.postMessage(request);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
    this.#urgent.close();
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
