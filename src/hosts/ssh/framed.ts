/** How much of what came before the first mark is kept: what a login shell greets with, or ssh complains of. */
const MOST_NOISE = 4096;

/**
 * One output of a remote script: what lies between a mark at its start and a mark at its end, which carries a word. The
 * marks tell the script's own output from a greeting before it, a whole one from one that was cut off, and its end from
 * the end of the connection, which a daemon that it has started can hold up for good.
 */
export class Framed {
  readonly #start: Buffer;
  readonly #end: Buffer;
  readonly #most: number;
  readonly #content: Buffer[] = [];
  #size = 0;
  #noise = '';
  #pending: Buffer = Buffer.alloc(0);
  #started = false;
  #word: string | undefined;

  /** @param most octets of content that are kept; the rest is dropped */
  constructor(mark: string, most: number) {
    this.#start = Buffer.from(`${mark}:start;`);
    this.#end = Buffer.from(`${mark}:`);
    this.#most = most;
  }

  get started(): boolean {
    return this.#started;
  }

  /** The word of the end mark; undefined before it. */
  get word(): string | undefined {
    return this.#word;
  }

  /** What came before the start mark, or the last of it. */
  get noise(): string {
    return this.#noise + (this.#started ? '' : this.#pending.toString('utf8'));
  }

  /** What came behind the end mark. */
  get rest(): Buffer {
    return this.#word === undefined ? Buffer.alloc(0) : this.#pending;
  }

  get content(): Buffer {
    return Buffer.concat(this.#content);
  }

  push(chunk: Buffer): void {
    if (this.#word !== undefined) return;
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (!this.#started && !this.#findStart()) return;
    const end = this.#pending.indexOf(this.#end);
    if (end < 0) {
      // The beginning of a mark may be in it.
      this.#take(Math.max(0, this.#pending.length - this.#end.length + 1));
      return;
    }
    this.#take(end);
    const semicolon = this.#pending.indexOf(';', this.#end.length);
    if (semicolon < 0) return;
    this.#word = this.#pending.toString('latin1', this.#end.length, semicolon);
    this.#pending = this.#pending.subarray(semicolon + 1);
  }

  #findStart(): boolean {
    const at = this.#pending.indexOf(this.#start);
    const noise = at < 0 ? Math.max(0, this.#pending.length - this.#start.length + 1) : at;
    this.#noise = (this.#noise + this.#pending.toString('utf8', 0, noise)).slice(-MOST_NOISE);
    this.#pending = this.#pending.subarray(at < 0 ? noise : at + this.#start.length);
    this.#started = at >= 0;
    return this.#started;
  }

  #take(length: number): void {
    const kept = Math.min(length, this.#most - this.#size);
    if (kept > 0) this.#content.push(this.#pending.subarray(0, kept));
    this.#size += Math.max(0, kept);
    this.#pending = this.#pending.subarray(length);
  }
}
