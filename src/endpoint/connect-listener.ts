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
  /**
   * What it must say inside TLS to be the one that is meant, for a client that judges after the handshake, and says nothing
   * to whom it does not trust. It is answered by a line of HTTP.
   */
  says?: string | undefined;
  /** Milliseconds for an answer. */
  timeout: number;
}

interface Asking {
  context: SecureContext;
  says: string | undefined;
  settle(answer: ConnectAnswer): void;
  /** Somebody has ended the connection behind the handshake, and said nothing. */
  left: boolean;
  /** The one that dials is done, and has tried: who leaves now has refused. */
  tried: boolean;
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
  #asking: Asking | undefined;

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
   * @param dial makes the service connect; when it is over, an answer is not waited for much longer. False: the service has
   * not tried to, as far as that can be told
   * @returns undefined when nobody came, or no handshake came to an end that says anything
   */
  async ask({ shown, says, timeout }: Question, dial: () => Promise<boolean>): Promise<ConnectAnswer | undefined> {
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
        const asking: Asking = { context, says, settle: resolve, left: false, tried: false };
        this.#asking = asking;
        dial().then((hasTried) => {
          asking.tried = hasTried;
          // What it had to say was heard before it could be told so; that it leaves may be on its way.
          if (says !== undefined && hasTried && asking.left) resolve(LEFT);
          else over(says === undefined || hasTried ? GRACE : 0);
        }, reject);
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

  #shake(socket: Socket, asking: Asking): void {
    const { context, says, settle } = asking;
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
      } else {
        tls.once('close', () => {
          asking.left = true;
          if (asking.tried) settle(LEFT);
        });
        hear(tls, says, accepted);
      }
    });
  }
}

const LEFT: ConnectAnswer = { outcome: 'refused', reason: 'it ends the connection after the handshake' };

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
