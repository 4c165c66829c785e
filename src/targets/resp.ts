import type { Duplex } from 'node:stream';
import { misbehaved, timedOut } from '../endpoint/failure.ts';
import { isClusterCaError } from '../errors.ts';

/** A reply of RESP2: text, a number, nothing, or a list of such. An error reply is thrown. */
export type Reply = string | number | null | Reply[];

const MOST = 16 << 20;

/** An error that the server answered with: `NOPERM this user …`. */
export class RespError extends Error {}

/** The Redis protocol (RESP2) over one connection, one command at a time. */
export class RespClient {
  readonly #stream: Duplex;
  readonly #address: string;
  readonly #timeout: number;
  #buffer = Buffer.alloc(0);
  #ended: Error | undefined;
  #wake: (() => void) | undefined;

  /** @param timeout milliseconds that one answer may take */
  constructor(stream: Duplex, address: string, timeout: number) {
    this.#stream = stream;
    this.#address = address;
    this.#timeout = timeout;
    stream.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake?.();
    });
    stream.on('error', (error: Error) => this.#end(error));
    stream.on('close', () => this.#end(new Error('closed')));
    stream.on('end', () => this.#end(new Error('closed')));
  }

  /**
   * Sends a command and waits for its reply.
   * @throws RespError for an error reply; ERR_REMOTE, ERR_TIMEOUT
   */
  async call(...words: string[]): Promise<Reply> {
    if (this.#ended !== undefined) throw misbehaved(this.#address, 'closed the connection');
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    this.#stream.write(`*${words.length}\r\n${parts.join('')}`);
    const deadline = setTimeout(
      () => this.#end(timedOut(this.#address, `answer ${words[0]}`, this.#timeout)),
      this.#timeout,
    );
    try {
      for (;;) {
        const read = readReply(this.#buffer, 0);
        if (read !== undefined) {
          this.#buffer = this.#buffer.subarray(read.end);
          if (read.reply instanceof RespError) throw read.reply;
          return read.reply;
        }
        if (this.#ended !== undefined)
          throw isClusterCaError(this.#ended)
            ? this.#ended
            : misbehaved(this.#address, `closed the connection before it answered ${words[0]}`);
        if (this.#buffer.length > MOST) throw misbehaved(this.#address, 'sends without end');
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  close(): void {
    this.#stream.destroy();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#wake?.();
  }
}

interface Read {
  reply: Reply | RespError;
  end: number;
}

/** Reads one reply; undefined when it has not all come. */
function readReply(buffer: Buffer, start: number): Read | undefined {
  const line = buffer.indexOf('\r\n', start);
  if (line < 0) return undefined;
  const text = buffer.toString('utf8', start + 1, line);
  const end = line + 2;
  switch (String.fromCharCode(buffer[start] ?? 0)) {
    case '+':
      return { reply: text, end };
    case '-':
      return { reply: new RespError(text), end };
    case ':':
      return { reply: Number(text), end };
    case '$': {
      const length = Number(text);
      if (length < 0) return { reply: null, end };
      if (buffer.length < end + length + 2) return undefined;
      return { reply: buffer.toString('utf8', end, end + length), end: end + length + 2 };
    }
    case '*':
      return readList(buffer, Number(text), end);
    default:
      throw new RespError('what answers there does not speak RESP');
  }
}

function readList(buffer: Buffer, length: number, start: number): Read | undefined {
  if (length < 0) return { reply: null, end: start };
  const list: Reply[] = [];
  let end = start;
  for (let i = 0; i < length; i++) {
    const read = readReply(buffer, end);
    if (read === undefined) return undefined;
    if (read.reply instanceof RespError) return { reply: read.reply, end: read.end };
    list.push(read.reply);
    end = read.end;
  }
  return { reply: list, end };
}
