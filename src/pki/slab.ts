/** Octets of one slab. */
const SIZE = 64 * 1024;

/**
 * Gives out pieces of larger arrays: one array for each small piece costs the engine more than filling it. A piece
 * keeps its slab alive, and shares its `buffer` with others: it is for what is short-lived or kept together.
 */
export class Slab {
  #bytes = new Uint8Array(0);
  #at = 0;

  /** Zeroed octets. */
  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) {
      if (length > SIZE / 4) return new Uint8Array(length);
      this.#bytes = new Uint8Array(SIZE);
      this.#at = 0;
    }
    const from = this.#at;
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  copy(bytes: Uint8Array): Uint8Array {
    const out = this.take(bytes.length);
    out.set(bytes);
    return out;
  }
}
