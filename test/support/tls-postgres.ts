import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { contextOf, type Material, PATIENCE } from './tls.ts';

interface Waiting {
  rows: string[][];
  error: Error | undefined;
  resolve(rows: string[][]): void;
  reject(error: Error): void;
}

/** A session of PostgreSQL over mutual TLS: the simple query protocol, every value as text. */
export class PgConnection {
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

  /** SHA-256 of the certificate that a server serves, in lower-case hex; it is verified by chain and by address. */
  static async served(port: number, material: Material): Promise<string> {
    const { socket } = await secured(port, material);
    const fingerprint = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
    socket.destroy();
    return fingerprint.replaceAll(':', '').toLowerCase();
  }

  /** Logs in as the user of the certificate. */
  static async open(port: number, material: Material, user: string, database = 'postgres'): Promise<PgConnection> {
    const { socket, plain } = await secured(port, material);
    const connection = new PgConnection(socket);
    const words = Buffer.from(`${['user', user, 'database', database].join('\0')}\0\0`);
    const head = Buffer.alloc(8);
    head.writeInt32BE(8 + words.length, 0);
    head.writeInt32BE(196_608, 4);
    await connection.#send(Buffer.concat([head, words]));
    plain.setTimeout(0);
    return connection;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** @throws the server's error */
  query(sql: string): Promise<string[][]> {
    return this.#send(message('Q', Buffer.from(`${sql}\0`)));
  }

  close(): void {
    this.#end(new Error('closed here'));
    this.#socket.end(message('X', Buffer.alloc(0)));
  }

  #send(bytes: Buffer): Promise<string[][]> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#waiting.push({ rows: [], error: undefined, resolve, reject });
      this.#socket.write(bytes);
    });
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 5) {
      const end = 1 + this.#received.readInt32BE(1);
      if (this.#received.length < end) return;
      this.#take(String.fromCharCode(this.#received[0] ?? 0), this.#received.subarray(5, end));
      this.#received = this.#received.subarray(end);
    }
  }

  #take(type: string, body: Buffer): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    if (type === 'D') first.rows.push(row(body));
    if (type === 'E') {
      first.error = new Error(errorText(body));
      // Before it is ready nothing but the end follows.
      this.#socket.once('close', () => this.#end(first.error as Error));
    }
    if (type !== 'Z') return;
    this.#waiting.shift();
    if (first.error === undefined) first.resolve(first.rows);
    else first.reject(first.error);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(waiting.error ?? error);
  }
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

function row(body: Buffer): string[] {
  const values: string[] = [];
  let at = 2;
  for (let i = 0; i < body.readInt16BE(0); i++) {
    const length = body.readInt32BE(at);
    values.push(length < 0 ? '' : body.toString('utf8', at + 4, at + 4 + length));
    at += 4 + Math.max(0, length);
  }
  return values;
}

function errorText(body: Buffer): string {
  const fields = new Map(
    body
      .toString()
      .split('\0')
      .filter((field) => field !== '')
      .map((field) => [field[0], field.slice(1)]),
  );
  return `${fields.get('C')}: ${fields.get('M')}`;
}

/** TLS by the protocol's own request for it. */
async function secured(port: number, material: Material): Promise<{ socket: TLSSocket; plain: Socket }> {
  const plain = connectTcp({ host: '127.0.0.1', port });
  plain.setNoDelay(true);
  plain.setTimeout(PATIENCE, () => plain.destroy(new Error(`127.0.0.1:${port} is silent`)));
  await once(plain, 'connect');
  plain.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
  const [answer] = (await once(plain, 'data')) as [Buffer];
  if (answer.toString() !== 'S') throw new Error(`no TLS: ${answer}`);
  const socket = connect({ socket: plain, host: '127.0.0.1', secureContext: contextOf(material) });
  await once(socket, 'secureConnect');
  return { socket, plain };
}
