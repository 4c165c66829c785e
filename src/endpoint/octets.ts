/** The octets end before the field does. */
export class ShortMessage extends Error {}

/** A cursor over a message of TLS. @throws ShortMessage */
export class Octets {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new ShortMessage('a message of the handshake is cut off');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  /** A big-endian number of so many octets. */
  number(octets: number): number {
    return this.take(octets).reduce((n, octet) => n * 256 + octet, 0);
  }

  /** A vector whose length stands before it in so many octets. */
  vector(octets: number): Uint8Array {
    return this.take(this.number(octets));
  }

  /** The extensions that follow, by type; none when nothing follows. */
  extensions(): Map<number, Uint8Array> {
    const found = new Map<number, Uint8Array>();
    if (this.done) return found;
    const list = new Octets(this.vector(2));
    while (!list.done) found.set(list.number(2), list.vector(2));
    return found;
  }
}
