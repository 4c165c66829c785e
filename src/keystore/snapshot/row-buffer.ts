/** Rows of one width, one behind the other in octets that grow: a hundred thousand of them are no objects. */
export class RowBuffer {
  readonly width: number;
  #bytes: Uint8Array;
  #length = 0;

  constructor(width: number) {
    this.width = width;
    this.#bytes = new Uint8Array(64 * width);
  }

  /** How many rows there are. */
  get length(): number {
    return this.#length;
  }

  push(row: Uint8Array): void {
    const at = this.#length * this.width;
    if (at === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(row, at);
    this.#length++;
  }

  /** A view of a row. */
  at(index: number): Uint8Array {
    return this.#bytes.subarray(index * this.width, (index + 1) * this.width);
  }

  /** Every row, one behind the other. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length * this.width);
  }

  /** The indexes of the rows, in the order of their first octets; of equal ones the first is first. */
  order(keyWidth: number): Uint32Array {
    const bytes = this.#bytes;
    const { width } = this;
    const order = Uint32Array.from({ length: this.#length }, (_, i) => i);
    return order.sort((a, b) => compareKeys(bytes, a * width, bytes, b * width, keyWidth) || a - b);
  }
}

/** Octet-wise order of two keys. */
export function compareKeys(a: Uint8Array, atA: number, b: Uint8Array, atB: number, width: number): number {
  for (let i = 0; i < width; i++) {
    const difference = (a[atA + i] as number) - (b[atB + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}
