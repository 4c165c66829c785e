import { readFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect, createSecureContext, type SecureContext, type SecureVersion, type TLSSocket } from 'node:tls';

/** What a client trusts and presents. */
export interface Material {
  ca: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

/** The files of one node and plane, or of one client, as the command line has written them. */
export async function material(directory: string): Promise<Required<Material>> {
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((file) => readFile(join(directory, file))),
  );
  if (!ca || !cert || !key) throw new Error('unreachable');
  return { ca, cert, key };
}

const contexts = new WeakMap<Material, SecureContext>();

/** What OpenSSL makes of the files, once: reading them costs a third of a connection. Sessions are not kept. */
export function contextOf(of: Material): SecureContext {
  const known = contexts.get(of) ?? createSecureContext({ ...of });
  contexts.set(of, known);
  return known;
}

/** How long a peer may stay silent before that is a failure. */
export const PATIENCE = 20_000;

/** A TLS connection to 127.0.0.1, the server's certificate verified by chain and by address, or by `servername`. */
export function open(port: number, of: Material, version?: SecureVersion, servername?: string): TLSSocket {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ...(version ? { ...of, minVersion: version, maxVersion: version } : { secureContext: contextOf(of) }),
    ...(servername && { servername }),
  });
  socket.setNoDelay(true);
  return socket.setTimeout(PATIENCE, () => socket.destroy(new Error(`127.0.0.1:${port} is silent`)));
}

/** SHA-256 of the end-entity certificate that a listener serves, in lower-case hex. */
export function served(port: number, of: Material): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = open(port, of);
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate) resolve(certificate.fingerprint256.replaceAll(':', '').toLowerCase());
      else reject(new Error('no certificate'));
      socket.destroy();
    });
  });
}

/** Sends a request and resolves with the first bytes of the answer. */
export function ask(port: number, of: Material, request: string, version?: SecureVersion): Promise<string> {
  return exchange(open(port, of, version), request, false);
}

/** Sends a request and resolves with all that comes until the server closes. */
export function askAll(port: number, of: Material, request: string): Promise<string> {
  return exchange(open(port, of), request, true);
}

function exchange(socket: TLSSocket, request: string, toTheEnd: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const answer: Buffer[] = [];
    socket.on('error', reject);
    socket.on('secureConnect', () => socket.write(request));
    socket.on('data', (chunk) => {
      answer.push(chunk);
      if (!toTheEnd) socket.destroy();
    });
    socket.on('close', () => {
      if (answer.length > 0) resolve(Buffer.concat(answer).toString());
      else reject(new Error('closed without an answer'));
    });
  });
}

/**
 * The code of the error with which a server turns a client away, such as `ERR_SSL_TLSV1_ALERT_UNKNOWN_CA`, or `closed`.
 * Under TLS 1.3 it comes after the handshake. Nothing is sent meanwhile: a server that closes with bytes unread resets
 * the connection, and the alert can be lost.
 */
export function refusal(port: number, of: Material, version?: SecureVersion): Promise<string> {
  return new Promise((resolve) => {
    const socket = open(port, of, version);
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve('closed'));
    socket.resume();
  });
}

/** What a listener answers to bytes that are not TLS: whether TCP connected, and all it sent until it closed. */
export function plain(port: number, bytes: string): Promise<{ connected: boolean; answer: string }> {
  return new Promise((resolve) => {
    let connected = false;
    const answer: Buffer[] = [];
    const socket = connectTcp({ host: '127.0.0.1', port });
    socket.setTimeout(PATIENCE, () => socket.destroy());
    socket.on('connect', () => {
      connected = true;
      socket.write(bytes);
    });
    socket.on('data', (chunk) => answer.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => resolve({ connected, answer: Buffer.concat(answer).toString() }));
  });
}
