import { parentPort, workerData } from 'node:worker_threads';
import { concatAll } from '../../pki/der/writer.ts';
import { encodePem } from '../../pki/pem.ts';
import { certificateEntries, keyEntries, type OutputShared, writeSlice } from './output.ts';
import { type BatchIssuer, type SliceItem, SliceMaker } from './slice.ts';

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
  | { type: 'made'; id: number; ders: Uint8Array; lengths: Uint32Array; ends: Float64Array; keys: Uint8Array }
  | { type: 'written'; id: number; failed: { index: number; path: string; errno: string }[] }
  | { type: 'dropped'; id: number }
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
  readonly #maker: SliceMaker;
  readonly #kept = new Map<number, Kept>();

  constructor(data: WorkerData) {
    this.#data = data;
    this.#maker = new SliceMaker(data.issuer);
  }

  handle(request: WorkerRequest): WorkerReply {
    const { id } = request;
    try {
      switch (request.type) {
        case 'make':
          return this.#make(id, request.items);
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
          return { type: 'dropped', id };
      }
    } catch (error) {
      return { type: 'failed', id, message: error instanceof Error ? error.message : String(error) };
    }
  }

  #make(id: number, items: SliceItem[]): WorkerReply {
    const { ders, ends, keys: pkcs8 } = this.#maker.make(items);
    const keys = pkcs8.map((key) => {
      const pem = key && encodePem('PRIVATE KEY', key);
      key?.fill(0);
      return pem;
    });
    this.#kept.set(id, { items, ders, keys });
    return {
      type: 'made',
      id,
      ders: concatAll(ders),
      lengths: Uint32Array.from(ders, ({ length }) => length),
      ends,
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
  port.on('message', (request: WorkerRequest) => {
    const reply = worker.handle(request);
    const moved =
      reply.type === 'made'
        ? [reply.ders.buffer, reply.keys.buffer]
        : reply.type === 'archived'
          ? [reply.entries.buffer]
          : [];
    port.postMessage(reply, moved as ArrayBuffer[]);
  });
}
