import { writeSync } from 'node:fs';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { entryLength, putEntries, type TarEntry } from '../../archive/tar.ts';
import { errno, reason } from '../../keystore/directory/errors.ts';
import { concatAll } from '../../pki/der/writer.ts';
import type { FilePlace, WorkerReply, WorkerRequest } from './messages.ts';
import { certificateEntries, entryOctets, keyEntries, type OutputShared, writeSlice } from './output.ts';
import { type BatchIssuer, type SliceItem, SliceMaker } from './slice.ts';
import { type SentRequest, unpack } from './transport.ts';

/** What a worker is given at its start. */
export interface WorkerData {
  issuer: BatchIssuer;
  output: OutputShared;
}

interface Kept {
  items: SliceItem[];
  ders: Uint8Array[];
  /** PKCS#8, overwritten when the slice is written or dropped. */
  keys: (Uint8Array | undefined)[];
}

/** Does the work of one slice at a time; what it made stays until it is written or dropped. */
export class SliceWorker {
  readonly #data: WorkerData;
  readonly #maker: SliceMaker;
  readonly #kept = new Map<number, Kept>();
  /** Entries on their way to a file, again and again in the same octets. */
  #scratch = new Uint8Array(0);

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
          const { items, ders, keys } = this.#look(id);
          const failed = writeSlice(request.out, items, ders, keys, this.#data.output);
          this.#drop(id);
          return { type: 'written', id, failed };
        }
        case 'stage': {
          const { items, keys } = this.#look(id);
          return this.#put(request, keyEntries(items, keys, this.#data.output));
        }
        case 'archive': {
          const { items, ders } = this.#look(id);
          this.#drop(id);
          return this.#put(request, certificateEntries(items, ders, this.#data.output));
        }
        case 'drop':
          this.#drop(id);
          return { type: 'dropped', id };
      }
    } catch (error) {
      return { type: 'failed', id, message: error instanceof Error ? error.message : String(error) };
    }
  }

  #make(id: number, items: SliceItem[]): WorkerReply {
    const { ders, ends, keys } = this.#maker.make(items);
    this.#kept.set(id, { items, ders, keys });
    return {
      type: 'made',
      id,
      ders: concatAll(ders),
      lengths: Uint32Array.from(ders, ({ length }) => length),
      ends,
      octets: entryOctets(ders, keys, this.#data.output),
    };
  }

  #put({ id, fd, at }: FilePlace & { id: number }, entries: TarEntry[]): WorkerReply {
    const length = entries.reduce((sum, { content }) => sum + entryLength(content.length), 0);
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(length);
    const octets = this.#scratch.subarray(0, length);
    try {
      putEntries(octets, entries, this.#data.output.seconds);
      for (let done = 0; done < length; ) done += writeSync(fd, octets, done, length - done, at + done);
      return { type: 'put', id };
    } catch (error) {
      return { type: 'put', id, failure: { message: reason(error), code: errno(error) } };
    } finally {
      octets.fill(0);
    }
  }

  #look(id: number): Kept {
    const kept = this.#kept.get(id);
    if (kept === undefined) throw new Error(`no slice ${id}`);
    return kept;
  }

  /** Forgets a slice, and overwrites its keys. */
  #drop(id: number): void {
    for (const key of this.#kept.get(id)?.keys ?? []) key?.fill(0);
    this.#kept.delete(id);
  }
}

if (parentPort !== null) {
  const port = parentPort;
  const { urgent, ...data } = workerData as WorkerData & { urgent: MessagePort };
  const worker = new SliceWorker(data);
  const answer = (request: WorkerRequest): void => {
    const reply = worker.handle(request);
    port.postMessage(reply, reply.type === 'made' ? [reply.ders.buffer as ArrayBuffer] : []);
  };
  urgent.on('message', answer);
  port.on('message', (request: SentRequest) => {
    answer(unpack(request));
    for (let next = receiveMessageOnPort(urgent); next !== undefined; next = receiveMessageOnPort(urgent))
      answer(next.message);
  });
}
