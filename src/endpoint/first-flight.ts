import { openRecord, serverHandshakeKey, type TrafficKey } from '../crypto/tls-keys.ts';
import { concatBytes } from '../pki/der/writer.ts';
import type { Address } from './address.ts';
import { clientHello, handshakeRecord } from './client-hello.ts';
import { misbehaved } from './failure.ts';
import { newKeyShares } from './key-exchange.ts';
import { Octets, ShortMessage } from './octets.ts';
import {
  type FlightMessages,
  isRetryRequest,
  readCertificate,
  readRequest,
  readServerHello,
} from './server-messages.ts';
import { preamble } from './starttls.ts';
import { MESSAGE, SUITES_13, type TlsVersion } from './tls-numbers.ts';
import { Wire } from './wire.ts';

export interface FlightOptions {
  /** Versions to offer, highest first. */
  versions: readonly TlsVersion[];
  serverName?: string | undefined;
  starttls?: string | undefined;
  timeout?: number | undefined;
}

/** What a server shows to whoever asks, before any client certificate. */
export interface FirstFlight extends FlightMessages {
  outcome: 'answered';
}

export type FlightOutcome =
  | FirstFlight
  /** The server turned the hello down: by an alert, or by closing. */
  | { outcome: 'refused'; alert: number | undefined }
  /** What answers there is no TLS. */
  | { outcome: 'not-tls'; answer: string };

/** More than any first flight: hundreds of CA names and a long chain. */
const MOST_OCTETS = 1 << 20;
/** Records of a first flight are few; a million of one octet each would keep us busy. */
const MOST_RECORDS = 1000;
const RECORD = { alert: 21, handshake: 22, data: 23 } as const;

/**
 * Reads a server's first flight and hangs up: the chain exactly as it is sent, whether a client certificate is asked
 * for, the CA names in that request, and the OCSP staple. node:tls shows the chain sorted and completed, and the
 * request not at all; so this speaks the beginning of the handshake itself, in TLS 1.3 with its keys. It proves
 * nothing: that the server has the key of its certificate is what a whole handshake shows (handshake.ts).
 * @throws ERR_REMOTE, ERR_TIMEOUT
 */
export async function readFirstFlight(to: Address, options: FlightOptions): Promise<FlightOutcome> {
  const wire = await Wire.open(to, options.timeout);
  try {
    await preamble(wire, options.starttls);
    return await new FlightReader(wire, options).read();
  } catch (error) {
    if (error instanceof ShortMessage) throw misbehaved(wire.address, `answers with broken TLS: ${error.message}`);
    throw error;
  } finally {
    wire.close();
  }
}

interface RecordKeys {
  cipher: string;
  key: TrafficKey;
}

class FlightReader {
  readonly #wire: Wire;
  readonly #options: FlightOptions;
  readonly #shares: ReturnType<typeof newKeyShares> | undefined;
  #pending: Uint8Array = new Uint8Array(0);
  #keys: RecordKeys | undefined;
  #sequence = 0;
  #octets = 0;
  #records = 0;

  constructor(wire: Wire, options: FlightOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#shares = options.versions.includes('TLSv1.3') ? newKeyShares() : undefined;
  }

  async read(): Promise<FlightOutcome> {
    const hello = clientHello(this.#options.versions, this.#options.serverName, this.#shares);
    this.#wire.write(handshakeRecord(hello));
    let flight: FirstFlight | undefined;
    for (;;) {
      const message = await this.#message();
      if (!(message instanceof Uint8Array)) return flight?.chain.length ? flight : message;
      const body = new Octets(message.subarray(4));
      switch (message[0]) {
        case MESSAGE.serverHello:
          flight = this.#begin(hello, message);
          break;
        case MESSAGE.certificate:
          if (flight !== undefined) readCertificate(flight, body);
          break;
        case MESSAGE.certificateStatus:
          if (flight !== undefined && body.number(1) === 1) flight.ocspStaple = body.vector(3);
          break;
        case MESSAGE.certificateRequest:
          if (flight !== undefined) readRequest(flight, body);
          break;
        case MESSAGE.serverHelloDone:
        case MESSAGE.certificateVerify:
        case MESSAGE.finished:
          if (flight !== undefined) return flight;
      }
    }
  }

  #begin(hello: Uint8Array, message: Uint8Array): FirstFlight {
    const { version, suite, name, share } = readServerHello(message);
    if (isRetryRequest(message)) throw this.#broken('wants another key exchange than any offered');
    const flight: FirstFlight = { outcome: 'answered', version, cipher: name, chain: [] };
    if (version !== 'TLSv1.3') return flight;
    const { cipher, hash, key } = SUITES_13[suite] ?? {};
    const shared = share && this.#shares?.agree(share.group, share.key);
    if (cipher === undefined || hash === undefined || key === undefined || shared === undefined)
      throw this.#broken('chose what was not offered');
    this.#keys = { cipher, key: serverHandshakeKey(shared, concatBytes(hello, message), hash, key) };
    return flight;
  }

  /** The next whole message of the handshake, or how it ended. */
  async #message(): Promise<Uint8Array | Exclude<FlightOutcome, FirstFlight>> {
    for (;;) {
      const length = this.#pending.length < 4 ? undefined : new Octets(this.#pending.subarray(1)).number(3);
      if (length !== undefined && length > MOST_OCTETS) throw this.#broken('sends a message without end');
      if (length !== undefined && this.#pending.length >= 4 + length) {
        const message = this.#pending.subarray(0, 4 + length);
        this.#pending = this.#pending.subarray(4 + length);
        return message;
      }
      const record = await this.#record();
      if ('outcome' in record) return record;
      if (record.type === RECORD.alert) {
        const [level, alert] = record.content;
        // A warning, such as that the name asked for is not known, ends nothing (RFC 6066 §3).
        if (level === 1 && alert !== 0) continue;
        return { outcome: 'refused', alert };
      }
      if (record.type === RECORD.handshake) this.#pending = concatBytes(this.#pending, record.content);
    }
  }

  async #record(): Promise<{ type: number; content: Uint8Array } | Exclude<FlightOutcome, FirstFlight>> {
    const first = await this.#wire.peek(({ length }) => length >= 1);
    if (first.length > 0 && ((first[0] as number) < 20 || (first[0] as number) > 23)) return this.#notTls();
    const header = await this.#wire.take(5);
    if (header === undefined) return { outcome: 'refused', alert: undefined };
    if (header[1] !== 3) return { outcome: 'not-tls', answer: header.toString('latin1') };
    const length = header.readUInt16BE(3);
    this.#octets += length;
    if (this.#octets > MOST_OCTETS || ++this.#records > MOST_RECORDS) throw this.#broken('sends without end');
    const content = await this.#wire.take(length);
    if (content === undefined) return { outcome: 'refused', alert: undefined };
    const type = header[0] as number;
    return type === RECORD.data && this.#keys !== undefined ? this.#open(header, content) : { type, content };
  }

  /** The inner record: its type is the last octet that is not zero. */
  #open(header: Uint8Array, sealed: Uint8Array): { type: number; content: Uint8Array } {
    const { cipher, key } = this.#keys as RecordKeys;
    const plain = sealed.length > 16 ? openRecord(cipher, key, this.#sequence++, header, sealed) : undefined;
    const end = plain?.findLastIndex((octet) => octet !== 0) ?? -1;
    if (plain === undefined || end < 0) throw this.#broken('sends a record that does not decrypt');
    return { type: plain[end] as number, content: plain.subarray(0, end) };
  }

  async #notTls(): Promise<{ outcome: 'not-tls'; answer: string }> {
    const answer = await this.#wire.peek((there) => there.length >= 64 || there.includes(10));
    return { outcome: 'not-tls', answer: answer.toString('latin1', 0, 64).split(/[\r\n]/)[0] ?? '' };
  }

  #broken(problem: string) {
    return misbehaved(this.#wire.address, problem);
  }
}
