import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** What one peer may take from the others. Milliseconds and octets. */
export const LIMITS = {
  /** A TLS handshake. */
  handshake: 10_000,
  /** The header of a request. */
  header: 10_000,
  /** A whole request. */
  receive: 30_000,
  /** A connection without a request. */
  idle: 60_000,
  body: 64 * 1024,
  headerSize: 16 * 1024,
  /** Of a listener: a thousand agents have two each. */
  connections: 4096,
} as const;

/** How often slow ones are looked for. */
const LOOK = 1_000;

/** The options of a listener that has these limits; the sizes and times that Node itself enforces. */
export const HTTP_LIMITS = {
  headersTimeout: LIMITS.header,
  requestTimeout: LIMITS.receive,
  keepAliveTimeout: LIMITS.idle,
  connectionsCheckingInterval: LOOK,
  maxHeaderSize: LIMITS.headerSize,
} as const;

interface Connection {
  socket: Socket;
  /** TLS is done, and the client is one of ours. */
  authenticated: boolean;
  /** Requests in work. */
  busy: number;
  /** The last of them. */
  request?: IncomingMessage;
}

/** What a listener holds. */
export interface Connections {
  readonly count: number;
  /**
   * For when it stops: closes those on which nothing was asked at once, the others behind their answer, and one whose
   * request is still not received when its time is up. Node closes, and times, only those that have asked before.
   */
  close(): void;
}

/**
 * Holds a listener to its number of connections. A full house does not turn the next one away: the oldest connection
 * that nobody is being served on makes room, those that have shown no certificate first. So connections that lie idle,
 * however many, do not keep anybody out.
 */
export function limitConnections(server: Server, most: number = LIMITS.connections): Connections {
  const open = new Map<string, Connection>();
  let closing = false;
  const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    if (closing) {
      socket.destroy();
      return;
    }
    if (open.size >= most) {
      const least = oldest(open, false) ?? oldest(open, true);
      (least?.socket ?? socket).destroy();
      if (least === undefined) return;
    }
    const connection: Connection = { socket, authenticated: false, busy: 0 };
    open.set(key, connection);
    socket.once('close', () => {
      if (open.get(key) === connection) open.delete(key);
    });
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    const connection = open.get(keyOf(socket));
    if (connection !== undefined) connection.authenticated = socket.authorized;
  });
  server.on('request', (request: IncomingMessage, response: NodeJS.EventEmitter) => {
    const connection = open.get(keyOf(request.socket));
    if (connection === undefined) return;
    connection.busy++;
    connection.request = request;
    response.once('close', () => {
      connection.busy--;
      if (closing && connection.busy === 0) connection.socket.destroySoon();
    });
  });
  return {
    get count() {
      return open.size;
    },
    close() {
      closing = true;
      for (const { socket, busy } of open.values()) if (busy === 0) socket.destroy();
      const late = (): void => {
        for (const { socket, request } of open.values()) if (request?.complete !== true) socket.destroy();
      };
      setTimeout(late, LIMITS.receive).unref();
    },
  };
}

function oldest(open: Map<string, Connection>, authenticated: boolean): Connection | undefined {
  for (const connection of open.values()) {
    const { busy, request, socket } = connection;
    if (connection.authenticated !== authenticated || socket.destroyed) continue;
    // Who has shown no certificate, and is still sending, is served nothing yet.
    if (busy === 0 || (!authenticated && request?.complete !== true)) return connection;
  }
  return undefined;
}
