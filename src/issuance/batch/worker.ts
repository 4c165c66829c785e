import { parentPort, workerData } from 'node:worker_threads';
import { encodePem } from '../../pki/pem.ts';
import { certificateEntries, keyEntries, type OutputShared, writeSlice } from './output.ts';
import { type BatchIssuer, makeSlice, type SliceItem, splitDers } from './slice.ts';

/** What a worker is given at its start. */
export interface WorkerData {
  issuer: BatchIssuer;
  output: OutputShared;
}

/** What it is asked: to make a slice, then, once that is committed, to write its files or to hand them over. */
export type WorkerRequest =
  | { type: 'make'; id: number; items: SliceItem[] }
  | { type: 'write'; id: number; out: string }
  | { type: 'archive'; id: number }
  | { type: 'drop'; id: number };

export type WorkerReply =
  | { type: 'made'; id: number; ders: Uint8Array; lengths: Uint32Array; keys: Uint8Array }
  | { type: 'written'; id: number; failed: { index: number; path: string; errno: string }[] }
  | { type: 'archived'; id: number; entries: Uint8Array }
  | { type: 'failed'; id: number; message: string };

interface Kept {
  items: SliceItem[];
  ders: Uint8Array[];
  keys: (string | undefined)[];
}

/** Does the work of one slice at a time; what it made stays until it is written or dropped. */
export class SliceWorker {
  readonly #data: WorkerData;
  readonly #kept = new Map<number, Kept>();

  constructor(data: WorkerData) {
    this.#data = data;
  }

  async handle(request: WorkerRequest): Promise<WorkerReply | undefined> {
    const { id } = request;
    try {
      switch (request.type) {
        case 'make':
          return await this.#make(id, request.items);
        case 'write': {
          const { items, ders, keys } = this.#take(id);
          return { type: 'written', id, failed: writeSlice(request.out, items, ders, keys, this.#data.output) };
        }
        case 'archive': {
          const { items, ders } = this.#take(id);
          return { type: 'archived', id, entries: certificateEntries(items, ders, this.#data.output) };
        }
        case 'drop':
          this.#kept.delete(id);
          return undefined;
      }
    } catch (error) {
      return { type: 'failed', id, message: error instanceof Error ? error.message : String(error) };
    }
  }

  async #make(id: number, items: SliceItem[]): Promise<WorkerReply> {
    const made = await makeSlice(items, this.#data.issuer);
    const keys = made.keys.map((key) => {
      const pem = key && encodePem('PRIVATE KEY', key);
      key?.fill(0);
      return pem;
    });
    this.#kept.set(id, { items, ders: splitDers({ ders: made.ders.slice(), lengths: made.lengths }), keys });
    return {
      type: 'made',
      id,
      ders: made.ders,
      lengths: made.lengths,
      keys: keyEntries(items, keys, this.#data.output),
    };
  }

  #take(id: number): Kept {
    const kept = this.#kept.get(id);
    if (kept === undefined) throw new Error(`no slice ${id}`);
    this.#kept.delete(id);
    return kept;
  }
}

if (parentPort !== null) {
  const port = parentPort;
  const worker = new SliceWorker(workerData as WorkerData);
  port.on('message', async (request: WorkerRequest) => {
    const reply = await worker.handle(request);
    if (reply === undefined) return;
    const moved =
      reply.type === 'made'
        ? [reply.ders.buffer, reply.keys.buffer]
        : reply.type === 'archived'
          ? [reply.entries.buffer]
          : [];
    port.postMessage(reply, moved as ArrayBuffer[]);
  });
}
