import type { Duplex } from 'node:stream';
import { misbehaved, timedOut } from '../endpoint/failure.ts';

/** A reply of RESP2: text, a number, nothing, or a list of such. An error reply is thrown. */
export type Reply = string | number | null | Reply[];

const MOST = 16 << 20;

/** An error that the server answered with: `NOPERM this user …`. */
export class RespError extends Error {}

/** The Redis protocol (RESP2) over one connection, one batch of commands at a time. */
export class RespClient {
  readonly #stream: Duplex;
  readonly #address: string;
  readonly #timeout: number;
  #buffer = Buffer.alloc(0);
  #ended: Error | undefined;
  #wake: (() => void) | undefined;

  /** @param timeout milliseconds that one batch may take */
  constructor(stream: Duplex, address: string, timeout: number) {
    this.#stream = stream;
    this.#address = address;
    this.#timeout = timeout;
    stream.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake?.();
    });
    for (const event of ['error', 'close', 'end'])
      stream.on(event, () => this.#end(misbehaved(this.#address, 'closed the connection')));
  }

  /** Nothing can be said over it any more: the server closed it, or did not answer in time. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /**
   * Sends a command and waits for its reply.
   * @throws RespError for an error reply; ERR_REMOTE, ERR_TIMEOUT
   */
  async call(...words: string[]): Promise<Reply> {
    const [reply = null] = await this.batch([words]);
    if (reply instanceof RespError) throw reply;
    return reply;
  }

  /**
   * Sends commands in one write, which the server runs one behind the other with nothing in between, and waits for all.
   * @throws ERR_REMOTE, ERR_TIMEOUT
   */
  async batch(commands: readonly (readonly string[])[]): Promise<(Reply | RespError)[]> {
    if (this.#ended !== undefined) throw this.#ended;
    this.#stream.write(commands.map(encode).join(''));
    const [[what] = []] = commands;
    const deadline = setTimeout(
      () => this.#end(timedOut(this.#address, `answer ${what}`, this.#timeout)),
      this.#timeout,
    );
    try {
      const replies: (Reply | RespError)[] = [];
      while (replies.length < commands.length) replies.push(await this.#reply());
      return replies;
    } finally {
      clearTimeout(deadline);
    }
  }

  close(): void {
    this.#end(misbehaved(this.#address, 'was left'));
  }

  async #reply(): Promise<Reply | RespError> {
    for (;;) {
      const read = this.#read();
      if (read !== undefined) {
        this.#buffer = this.#buffer.subarray(read.end);
        return read.reply;
      }
      if (this.#ended !== undefined) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #read(): Read | undefined {
    try {
      if (this.#buffer.length > MOST) throw new NoResp('sends without end');
      return readReply(this.#buffer, 0);
    } catch (error) {
      if (!(error instanceof NoResp)) throw error;
      this.#end(misbehaved(this.#address, error.message));
      return undefined;
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#stream.destroy();
    this.#wake?.();
  }
}

class NoResp extends Error {}

function encode(words: readonly string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

interface Read {
  reply: Reply | RespError;
  end: number;
}

/** Reads one reply; undefined when it has not all come. */
function readReply(buffer: Buffer, start: number): Read | undefined {
  if (buffer.length <= start) return undefined;
  const type = String.fromCharCode(buffer[start] ?? 0);
  if (!'+-:$*'.includes(type)) throw new NoResp('does not speak the Redis protocol');
  const line = buffer.indexOf('\r\n', start);
  if (line < 0) return undefined;
  const text = buffer.toString('utf8', start + 1, line);
  const end = line + 2;
  if (type === '+') return { reply: text, end };
  if (type === '-') return { reply: new RespError(text), end };
  const number = Number(text);
  if (!Number.isInteger(number)) throw new NoResp('does not speak the Redis protocol');
  if (type === ':') return { reply: number, end };
  if (number < 0) return { reply: null, end };
  if (type === '*') return readList(buffer, number, end);
  if (buffer.length < end + number + 2) return undefined;
  return { reply: buffer.toString('utf8', end, end + number), end: end + number + 2 };
}

/** An error inside a list, as EXEC gives it, is text here. */
function readList(buffer: Buffer, length: number, start: number): Read | undefined {
  const list: Reply[] = [];
  let end = start;
  for (let i = 0; i < length; i++) {
    const read = readReply(buffer, end);
    if (read === undefined) return undefined;
    list.push(read.reply instanceof RespError ? read.reply.message : read.reply);
    end = read.end;
  }
  return { reply: list, end };
}
