import { safeJson } from './safe.ts';

/** Elements that can be counted and walked through, as often as one likes: an array, or one that is too long to hold. */
export interface Listing<T> extends Iterable<T> {
  readonly length: number;
  map<U extends object>(change: (element: T) => U): Listing<U>;
}

/** Elements of one chunk. */
const CHUNK = 500;
/** What stands around the elements of a list that is a member of a document. */
const BEFORE = '{\n  "c": [\n';
const BEHIND = '\n  ]\n}';

/** A list for a document that is kept as the text that will be printed: a tenth of what the objects would hold. */
export class SpooledList<T extends object> implements Listing<T> {
  readonly #chunks: Uint8Array[] = [];
  #waiting: T[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(element: T): void {
    this.#length++;
    this.#waiting.push(element);
    if (this.#waiting.length >= CHUNK) this.#flush();
  }

  map<U extends object>(change: (element: T) => U): SpooledList<U> {
    const out = new SpooledList<U>();
    for (const element of this) out.push(change(element));
    return out;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const chunk of this.chunks()) yield* JSON.parse(`[${new TextDecoder().decode(chunk)}]`) as T[];
  }

  /** The elements as they stand in a document's member, some at a time; a comma and a newline belong between these. */
  *chunks(): Generator<Uint8Array> {
    this.#flush();
    yield* this.#chunks;
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    const text = safeJson({ c: this.#waiting });
    this.#chunks.push(new TextEncoder().encode(text.slice(BEFORE.length, -BEHIND.length)));
    this.#waiting = [];
  }
}

/** The text of a document, piece by piece, as `safeJson` writes it whole. */
export function* documentText(document: object): Generator<string | Uint8Array> {
  let before = '{';
  for (const [name, value] of Object.entries(document)) {
    if (value === undefined) continue;
    if (value instanceof SpooledList && value.length > 0) {
      yield `${before}\n  ${JSON.stringify(name)}: [`;
      before = '\n';
      for (const chunk of value.chunks()) {
        yield before;
        yield chunk;
        before = ',\n';
      }
      yield '\n  ]';
    } else yield `${before}${safeJson({ [name]: value instanceof SpooledList ? [] : value }).slice(1, -2)}`;
    before = ',';
  }
  yield before === '{' ? '{}' : '\n}';
}
