import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import type { Host, Listening } from '../hosts/host.ts';
import { alertName, alertOf } from './alerts.ts';
import type { ClientCertificate } from './handshake.ts';

/** How somebody who connected has judged the certificate that was shown. */
export type ConnectAnswer =
  | {
      outcome: 'accepted';
      /** DER of the certificate that it has shown itself, where it has one. */
      leaf?: Uint8Array;
    }
  | {
      outcome: 'refused';
      /** The alert with which it ended the handshake. */
      reason: string;
    };

export interface ListenerOptions {
  /** The name that is asked for (SNI) by whom is meant; who asks for another, or none, is not answered. */
  name: string;
  /** What is said before TLS. */
  starttls?: 'postgres' | undefined;
  /** On which port of its host's 127.0.0.1; any free one without. */
  port?: number | undefined;
}

export interface Question {
  /** The chain and key to be shown. */
  shown: ClientCertificate;
  /** What it must say inside TLS to be the one that is meant; it is answered by a line of HTTP. */
  says?: string | undefined;
  /** Milliseconds for an answer. */
  timeout: number;
}

/** SSL_OP_NO_TICKET: no session of one handshake is to be resumed by the next. */
const NO_TICKETS = 1 << 14;
/** Alerts by which a certificate is refused (RFC 8446 §6.2); any other end of a handshake says nothing of it. */
const REFUSALS = new Set([42, 43, 44, 45, 46, 48]);
/** An SSLRequest or GSSENCRequest of PostgreSQL has these octets. */
const REQUEST_LENGTH = 8;
const GSS_REQUEST = 80877104;
const MOST_SAID = 8192;
const ANSWER = 'HTTP/1.0 204 No Content\r\nConnection: close\r\n\r\n';

/**
 * An end of ours, on the loopback address of a service's host, that a service is made to connect to: it shows a probe's
 * certificate and sees whether the handshake comes to its end, which it does once the service has verified it, or which
 * alert comes instead. It has no other key, and takes nobody's word.
 */
export class ConnectListener {
  readonly #options: ListenerOptions;
  #listening: Listening | undefined;
  #asking: { context: SecureContext; says: string | undefined; settle: (answer: ConnectAnswer) => void } | undefined;

  private constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** @throws ERR_REMOTE where it cannot be reached from that host */
  static async open(host: Host, options: ListenerOptions): Promise<ConnectListener> {
    const listener = new ConnectListener(options);
    listener.#listening = await host.listen((socket) => listener.#take(socket), options.port);
    return listener;
  }

  get port(): number {
    return this.#listening?.port ?? 0;
  }

  /**
   * Shows a certificate to the next one who connects, and is the one that is meant.
   * @param dial makes the service connect; when it is over, an answer is not waited for much longer
   * @returns undefined when nobody came, or no handshake came to an end that says anything
   */
  async ask({ shown, says, timeout }: Question, dial: () => Promise<unknown>): Promise<ConnectAnswer | undefined> {
    const context = createSecureContext({
      cert: Buffer.from(shown.cert),
      key: Buffer.from(shown.key),
      minVersion: 'TLSv1.2',
      secureOptions: NO_TICKETS,
    });
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const over = (after: number): void => {
          clearTimeout(timer);
          timer = setTimeout(() => resolve(undefined), after);
        };
        over(timeout);
        this.#asking = { context, says, settle: resolve };
        dial().then(() => over(GRACE), reject);
      });
    } finally {
      clearTimeout(timer);
      this.#asking = undefined;
    }
  }

  async close(): Promise<void> {
    await this.#listening?.close();
  }

  /** Whoever comes is shown what is asked about at that moment, and nothing where nothing is. */
  #take(socket: Socket): void {
    const asking = this.#asking;
    if (asking === undefined) {
      socket.destroy();
      return;
    }
    if (this.#options.starttls === 'postgres') beginPostgres(socket, () => this.#shake(socket, asking));
    else this.#shake(socket, asking);
  }

  #shake(
    socket: Socket,
    { context, says, settle }: { context: SecureContext; says: string | undefined; settle: (a: ConnectAnswer) => void },
  ): void {
    let isMeant = false;
    const tls = new TLSSocket(socket, {
      isServer: true,
      secureContext: context,
      requestCert: true,
      rejectUnauthorized: false,
      SNICallback: (name, answer) => {
        isMeant = name.toLowerCase() === this.#options.name;
        answer(isMeant ? null : new Error('another name'), undefined);
      },
    });
    const accepted = (): void => {
      const leaf = tls.getPeerX509Certificate()?.raw;
      settle({ outcome: 'accepted', ...(leaf === undefined ? {} : { leaf: new Uint8Array(leaf) }) });
    };
    tls.on('error', (error) => {
      const alert = alertOf(error);
      if (isMeant && alert !== undefined && REFUSALS.has(alert))
        settle({ outcome: 'refused', reason: alertName(alert) });
      socket.destroy();
    });
    tls.once('secure', () => {
      if (!isMeant || tls.isSessionReused()) {
        socket.destroy();
      } else if (says === undefined) {
        accepted();
        tls.end();
      } else hear(tls, says, accepted);
    });
  }
}

/** Milliseconds for what is on its way when the one that dials is done. */
const GRACE = 1_000;

/** Waits for what is to be said, answers it, and ends. */
function hear(tls: TLSSocket, says: string, heard: () => void): void {
  let said = '';
  tls.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('latin1')).slice(0, MOST_SAID);
    if (!said.includes(says)) return;
    heard();
    tls.end(ANSWER);
  });
}

/** The request for TLS before it, unless TLS begins at once; encryption by GSS is declined. */
function beginPostgres(socket: Socket, begin: () => void): void {
  const look = (): void => {
    const first = socket.read(1) as Buffer | null;
    if (first === null) return;
    socket.unshift(first);
    if (first[0] === HANDSHAKE) {
      socket.off('readable', look);
      begin();
      return;
    }
    const request = socket.read(REQUEST_LENGTH) as Buffer | null;
    if (request === null) return;
    const isGss = request.readUInt32BE(4) === GSS_REQUEST;
    socket.write(isGss ? 'N' : 'S');
    if (isGss) return;
    socket.off('readable', look);
    begin();
  };
  socket.on('readable', look);
}

/** The first octet of a TLS record with a handshake message. */
const HANDSHAKE = 22;
