import { openAesGcm, sealAesGcm } from '../crypto/aead.ts';
import { tampered } from '../keystore/canonical.ts';

/** Plaintext octets of a chunk; the last one may have fewer. */
export const CHUNK = 64 * 1024;
const TAG = 16;
const NOTHING = new Uint8Array(0);

/** The nonce of a chunk: its number, and whether it is the last. So none can be moved, left out or cut off. */
function nonce(number: number, last: boolean): Uint8Array {
  const out = new Uint8Array(12);
  new DataView(out.buffer).setBigUint64(3, BigInt(number));
  out[11] = last ? 1 : 0;
  return out;
}

/** Encrypts what is written into it, chunk by chunk. The key must never serve another stream. */
export class EncryptedWriter {
  readonly #key: Uint8Array;
  readonly #sink: (bytes: Uint8Array) => Promise<void>;
  readonly #buffer = new Uint8Array(CHUNK);
  #used = 0;
  #number = 0;

  constructor(key: Uint8Array, sink: (bytes: Uint8Array) => Promise<void>) {
    this.#key = key;
    this.#sink = sink;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      // A full chunk is held back until more comes: it may be the last.
      if (this.#used === CHUNK) await this.#flush(false);
      const part = bytes.subarray(at, at + CHUNK - this.#used);
      this.#buffer.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
    }
  }

  async end(): Promise<void> {
    await this.#flush(true);
    this.#buffer.fill(0);
  }

  async #flush(last: boolean): Promise<void> {
    const plain = this.#buffer.subarray(0, this.#used);
    await this.#sink(sealAesGcm(this.#key, nonce(this.#number++, last), plain, NOTHING));
    this.#used = 0;
  }
}

/**
 * The plaintext of an encrypted stream, chunk by chunk, none of it before it was verified.
 * @param read the next octets of the file, as many as asked for unless it ends
 * @throws ERR_KEYSTORE_TAMPERED when a chunk was changed, moved, or the end is missing
 */
export async function* decryptedChunks(
  key: Uint8Array,
  read: (length: number) => Promise<Uint8Array>,
  what: string,
): AsyncGenerator<Uint8Array> {
  let next = await read(CHUNK + TAG);
  for (let number = 0; ; number++) {
    const sealed = next;
    next = sealed.length < CHUNK + TAG ? NOTHING : await read(CHUNK + TAG);
    const last = next.length === 0;
    const plain = openAesGcm(key, nonce(number, last), sealed, NOTHING);
    if (plain === undefined) throw tampered(`${what} is damaged or cut off at its chunk ${number}`);
    yield plain;
    if (last) return;
  }
}
