import { decodeCanonical, encodeCanonical, tampered } from '../keystore/canonical.ts';
import { integer, optional, pattern, record } from '../keystore/shape.ts';
import { concatAll } from '../pki/der/writer.ts';

/** A file of the keystore in a backup. */
export interface Entry {
  name: string;
  bytes: Uint8Array;
}

/** No other name is ever written: nothing in a backup can lead out of the directory that it is restored into. */
const NAME =
  /^(KEYSTORE|(root\/)?slots\/[0-9a-f]{16}|(root\/)?sealed\/[0-9a-f]{32}\.\d{1,9}|objects\/[0-9a-f]{64}|log\/(0|[1-9]\d{0,14}))$/;
const LARGEST = 256 * 1024 * 1024;
const LONGEST_LINE = 4096;

/** In front of each file a line with its name and length; at the end a line with their number. */
const line = record({
  name: optional(pattern(NAME, 'a file of a keystore')),
  length: optional(integer),
  entries: optional(integer),
});

export function encodeEntry({ name, bytes }: Entry): Uint8Array[] {
  return [new TextEncoder().encode(`${encodeCanonical({ name, length: bytes.length })}\n`), bytes];
}

export function encodeEnd(entries: number): Uint8Array {
  return new TextEncoder().encode(`${encodeCanonical({ entries })}\n`);
}

/** The files of a decrypted backup, in their order. @throws ERR_KEYSTORE_TAMPERED when it is malformed or goes on behind its end */
export async function* decodeEntries(chunks: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Entry> {
  const source = new Source(chunks);
  for (let entries = 0; ; entries++) {
    const head = line(decodeCanonical(await source.line(what), what), what);
    if (head.entries !== undefined) {
      if (head.entries !== entries || !(await source.ended())) throw tampered(`${what} does not end where it says`);
      return;
    }
    const { name, length } = head;
    if (name === undefined || length === undefined || length > LARGEST)
      throw tampered(`${what} has a malformed entry ${entries}`);
    yield { name, bytes: await source.take(length, what) };
  }
}

/** Octets taken from chunks of any size. */
class Source {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #current: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The octets up to the next newline. */
  async line(what: string): Promise<string> {
    const parts: Uint8Array[] = [];
    for (let length = 0; length < LONGEST_LINE; ) {
      if (!(await this.#more())) throw tampered(`${what} is cut off`);
      const end = this.#current.indexOf(0x0a, this.#at);
      const part = this.#current.subarray(this.#at, end < 0 ? undefined : end);
      parts.push(part);
      length += part.length;
      this.#at = end < 0 ? this.#current.length : end + 1;
      if (end >= 0) return new TextDecoder().decode(concatAll(parts));
    }
    throw tampered(`${what} has a line that is too long`);
  }

  async take(length: number, what: string): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    for (let to = 0; to < length; ) {
      if (!(await this.#more())) throw tampered(`${what} is cut off`);
      const part = this.#current.subarray(this.#at, this.#at + length - to);
      out.set(part, to);
      to += part.length;
      this.#at += part.length;
    }
    return out;
  }

  async ended(): Promise<boolean> {
    return !(await this.#more());
  }

  async #more(): Promise<boolean> {
    while (this.#at === this.#current.length) {
      const { value, done } = await this.#chunks.next();
      if (done) return false;
      this.#current = value;
      this.#at = 0;
    }
    return true;
  }
}
