import { sha256Hex } from '../crypto/hash.ts';
import { type Certified, type CertifiedItem, certifyTogether } from '../issuance/certify.ts';
import { encodeCanonical } from '../keystore/canonical.ts';
import { newRequestId } from '../keystore/request-id.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';

/** Requests of one record: a record is at most 256 KiB, and nobody waits for more than this many signatures. */
const MOST = 500;

/** How long the other writers wait for one turn, besides its last batch; milliseconds. */
const TURN = 250;

interface Waiting {
  item: CertifiedItem;
  resolve: (certified: Certified) => void;
  reject: (error: unknown) => void;
}

/**
 * Group commit: while one batch is written, the requests that come meanwhile gather for the next. Under load a record
 * and its fsync are shared by many; a single request waits for nobody.
 */
export class Certifier {
  readonly #writer: KeystoreWriter;
  readonly #wait: number;
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(writer: KeystoreWriter, wait: number) {
    this.#writer = writer;
    this.#wait = wait;
  }

  /** When it resolves, the certificate is durable. */
  certify(item: CertifiedItem): Promise<Certified> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
    });
  }

  async #run(): Promise<void> {
    // Those that arrive in the same turn of the event loop go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0)
      try {
        await this.#writer.inTurn(this.#wait, () => this.#batches());
      } catch (error) {
        for (const { reject } of this.#next()) reject(error);
      }
  }

  /** Batch after batch in one turn: what a turn costs besides is paid once, and nobody who has a certificate waits for it. */
  async #batches(): Promise<void> {
    const until = performance.now() + TURN;
    while (this.#waiting.length > 0) {
      const batch = this.#next();
      try {
        const items = batch.map(({ item }) => item);
        const request = { requestId: newRequestId(), requestHash: hashOf(items) };
        const certified = await certifyTogether(this.#writer, items, request);
        for (const [i, { resolve }] of batch.entries()) resolve(certified[i] as Certified);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      if (performance.now() > until) return;
    }
  }

  /** The next batch: of one holder only the first, the others wait for it. */
  #next(): Waiting[] {
    const taken = new Set<string>();
    const batch: Waiting[] = [];
    for (let i = 0; i < this.#waiting.length && batch.length < MOST; ) {
      const { item } = this.#waiting[i] as Waiting;
      const holder = `${item.name}/${item.plane}`;
      if (taken.has(holder)) i++;
      else {
        taken.add(holder);
        batch.push(...this.#waiting.splice(i, 1));
      }
    }
    return batch;
  }
}

function hashOf(items: readonly CertifiedItem[]): string {
  const asked = items.map(({ name, plane, publicKey }) => ({ name, plane, publicKey: sha256Hex(publicKey) }));
  return sha256Hex(new TextEncoder().encode(encodeCanonical({ verb: 'certify', items: asked })));
}
