import type { Material } from './tls.ts';
import { type Reply, RespConnection, RespError } from './tls-resp.ts';

const SLOTS = 16_384;
const MOST_REDIRECTIONS = 8;

/**
 * A client of a Redis cluster on 127.0.0.1. It knows one node and learns the others from MOVED, follows ASK, and
 * retries nothing else: every other error is the caller's to count.
 */
export class ClusterClient {
  /** Presented by the connections that are opened from now on. */
  material: Material;
  /** TLS connections opened so far. */
  connections = 0;
  readonly #seed: number;
  readonly #lasting: boolean;
  readonly #owners = new Map<number, number>();
  readonly #pool = new Map<number, RespConnection>();

  /** @param lasting keep one connection to each node; otherwise every command has a new one */
  constructor(seed: number, material: Material, lasting: boolean) {
    this.#seed = seed;
    this.material = material;
    this.#lasting = lasting;
  }

  /** Sends a command that concerns one key to the node that owns it. */
  async send(key: string, ...words: string[]): Promise<Reply> {
    const slot = slotOf(key);
    let port = this.#owners.get(slot) ?? this.#seed;
    let asking = false;
    for (let tries = 0; tries < MOST_REDIRECTIONS; tries++) {
      try {
        return await this.#sendTo(port, words, asking);
      } catch (error) {
        const redirection = error instanceof RespError && /^(MOVED|ASK) \d+ 127\.0\.0\.1:(\d+)$/.exec(error.message);
        if (!redirection) throw error;
        port = Number(redirection[2]);
        asking = redirection[1] === 'ASK';
        if (!asking) this.#owners.set(slot, port);
      }
    }
    throw new Error(`redirected ${MOST_REDIRECTIONS} times for slot ${slot}`);
  }

  close(): void {
    for (const connection of this.#pool.values()) connection.close();
    this.#pool.clear();
  }

  async #sendTo(port: number, words: string[], asking: boolean): Promise<Reply> {
    const connection = await this.#connection(port);
    try {
      if (asking) await connection.send('ASKING');
      return await connection.send(...words);
    } finally {
      if (!this.#lasting) connection.close();
    }
  }

  async #connection(port: number): Promise<RespConnection> {
    const pooled = this.#pool.get(port);
    if (pooled && !pooled.ended) return pooled;
    const connection = await RespConnection.open(port, this.material);
    this.connections++;
    if (this.#lasting) this.#pool.set(port, connection);
    return connection;
  }
}

/** The hash slot of a key without braces: CRC-16/XMODEM modulo 16384. */
export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % SLOTS;
}
