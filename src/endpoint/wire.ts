import { connect, type Socket } from 'node:net';
import { type Address, formatAddress } from './address.ts';
import { misbehaved, timedOut, unreachable } from './failure.ts';

/** How long one connection may take from its first packet to its last. */
export const PATIENCE = 5_000;

/** The most that is read of one answer. */
const MOST = 1 << 20;

/** One TCP connection that is read octet by octet, under one deadline. Close it, or hand its socket on. */
export class Wire {
  readonly address: string;
  readonly socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #buffer: Buffer = Buffer.alloc(0);
  #ended = false;
  #failure: unknown;
  #wake: (() => void) | undefined;

  private constructor(address: string, socket: Socket, timeout: number) {
    this.address = address;
    this.socket = socket;
    this.#timer = setTimeout(() => this.#fail(timedOut(address, 'answer', timeout)), timeout);
    socket.on('data', this.#onData);
    socket.on('error', this.#onError);
    socket.on('close', this.#onEnd);
    socket.on('end', this.#onEnd);
  }

  /** Connects. @throws ERR_REMOTE, ERR_TIMEOUT */
  static async open(to: Address, timeout = PATIENCE): Promise<Wire> {
    const socket = connect({ host: to.host, port: to.port });
    socket.setNoDelay(true);
    const wire = new Wire(formatAddress(to), socket, timeout);
    let connected = false;
    socket.once('connect', () => {
      connected = true;
      wire.#wake?.();
    });
    while (!connected && wire.#failure === undefined && !wire.#ended) await wire.#changed();
    if (connected && wire.#failure === undefined) return wire;
    wire.close();
    throw unreachable(wire.address, wire.#failure ?? new Error('closed'));
  }

  write(bytes: Uint8Array | string): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** What has come and was not taken, once `enough` is satisfied with it or the peer has ended. @throws ERR_REMOTE, ERR_TIMEOUT */
  async peek(enough: (buffer: Buffer) => boolean): Promise<Buffer> {
    while (!enough(this.#buffer)) {
      if (this.#failure !== undefined) throw unreachable(this.address, this.#failure);
      if (this.#ended) return this.#buffer;
      if (this.#buffer.length > MOST) throw misbehaved(this.address, 'sends without end');
      await this.#changed();
    }
    return this.#buffer;
  }

  /** Exactly so many octets; undefined when the peer ended before. @throws ERR_REMOTE, ERR_TIMEOUT */
  async take(length: number): Promise<Buffer | undefined> {
    const buffer = await this.peek(({ length: there }) => there >= length);
    if (buffer.length < length) return undefined;
    this.#buffer = buffer.subarray(length);
    return buffer.subarray(0, length);
  }

  /** One line without its end; undefined when the peer ended before. @throws ERR_REMOTE, ERR_TIMEOUT */
  async line(): Promise<string | undefined> {
    const buffer = await this.peek((there) => there.includes(10) || there.length > 4096);
    const end = buffer.indexOf(10);
    if (end < 0) return undefined;
    this.#buffer = buffer.subarray(end + 1);
    return buffer.toString('latin1', 0, end).replace(/\r$/, '');
  }

  /** Gives the socket away: to node:tls, behind a preamble. */
  release(): Socket {
    clearTimeout(this.#timer);
    this.socket.off('data', this.#onData).off('error', this.#onError).off('close', this.#onEnd).off('end', this.#onEnd);
    return this.socket;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    this.#wake?.();
  };

  readonly #onError = (error: unknown): void => {
    this.#failure ??= error;
    this.#wake?.();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake?.();
  };

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.socket.destroy();
    this.#wake?.();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
