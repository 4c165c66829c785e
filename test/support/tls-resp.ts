import type { TLSSocket } from 'node:tls';
import { type Material, open } from './tls.ts';

/** An error reply of the server, such as `MOVED 3999 127.0.0.1:7001`. */
export class RespError extends Error {}

export type Reply = string | number | null | RespError | Reply[];

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** One connection that speaks Redis' protocol over mutual TLS. */
export class RespConnection {
  readonly #socket: TLSSocket;
  readonly #waiting: Waiting[] = [];
  #received = Buffer.alloc(0);
  #ended: Error | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the server closed the connection')));
  }

  static open(port: number, material: Material): Promise<RespConnection> {
    return new Promise((resolve, reject) => {
      const socket = open(port, material);
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        socket.off('error', reject);
        // A long-lived connection may idle.
        socket.setTimeout(0);
        resolve(new RespConnection(socket));
      });
    });
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** @throws RespError when the server answers with an error */
  send(...words: string[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#waiting.push({ resolve, reject });
      this.#socket.write(encode(words));
    });
  }

  close(): void {
    this.#end(new Error('closed here'));
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (let parsed = parse(this.#received, 0); parsed; parsed = parse(this.#received, 0)) {
      this.#received = this.#received.subarray(parsed.next);
      const waiting = this.#waiting.shift();
      if (parsed.reply instanceof RespError) waiting?.reject(parsed.reply);
      else waiting?.resolve(parsed.reply);
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function encode(words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/** Reads one reply (RESP2), or nothing when the bytes do not hold a whole one yet. */
function parse(bytes: Buffer, start: number): { reply: Reply; next: number } | undefined {
  const end = bytes.indexOf('\r\n', start);
  if (end < 0) return undefined;
  const line = bytes.toString('utf8', start + 1, end);
  const next = end + 2;
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case '+':
      return { reply: line, next };
    case '-':
      return { reply: new RespError(line), next };
    case ':':
      return { reply: Number(line), next };
    case '$':
      return bulk(bytes, Number(line), next);
    case '*':
      return list(bytes, Number(line), next);
    default:
      throw new Error(`not a reply: ${JSON.stringify(line)}`);
  }
}

function bulk(bytes: Buffer, length: number, start: number): { reply: Reply; next: number } | undefined {
  if (length < 0) return { reply: null, next: start };
  const next = start + length + 2;
  return next > bytes.length ? undefined : { reply: bytes.toString('utf8', start, start + length), next };
}

function list(bytes: Buffer, length: number, start: number): { reply: Reply; next: number } | undefined {
  if (length < 0) return { reply: null, next: start };
  const reply: Reply[] = [];
  let next = start;
  while (reply.length < length) {
    const item = parse(bytes, next);
    if (!item) return undefined;
    reply.push(item.reply);
    next = item.next;
  }
  return { reply, next };
}
