import type { X509Certificate } from 'node:crypto';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { ClusterCaError } from '../errors.ts';
import { type Address, formatAddress } from './address.ts';
import { alertMeaning, alertName, alertOf } from './alerts.ts';
import { timedOut, unreachable } from './failure.ts';
import { preamble } from './starttls.ts';
import { PATIENCE, Wire } from './wire.ts';

/** A client certificate with its key, PEM. */
export interface ClientCertificate {
  cert: Uint8Array;
  key: Uint8Array;
}

export interface HandshakeOptions {
  serverName?: string | undefined;
  starttls?: string | undefined;
  client?: ClientCertificate | undefined;
  timeout?: number | undefined;
  /** A session of before, to be resumed: what it says of the server is of then. */
  session?: Uint8Array | undefined;
  /** What to say once the server has let us in, and what to make of the first octets of its answer. */
  ask?: { request: Uint8Array | string } | undefined;
}

/** How a whole handshake went. */
export interface Handshake {
  outcome: 'accepted' | 'refused';
  protocol?: string;
  cipher?: string;
  /** DER of the certificate whose key the server has shown to have (RFC 8446 §4.4.3, RFC 5246 §7.4.3). */
  leaf?: Uint8Array;
  /** DER of that certificate and of those served with it. */
  chain?: Uint8Array[];
  /** Of a refusal: the alert's name, or `closed`. */
  alert?: string;
  /** Of a refusal: what it means. */
  reason?: string;
  /** The first octets of the answer to `ask`. */
  answer?: string;
  /** What would resume it, where the server has given that. */
  session?: Uint8Array;
  /** The session of before was resumed: no certificate was judged. Only where one was offered. */
  resumed?: true;
}

/** Under TLS 1.3 a refusal comes after the handshake. A server that neither refuses nor sends a ticket in this time lets us in. */
const SETTLING = 800;
const LONGEST_ANSWER = 4096;

/**
 * A handshake to its end, with a client certificate or without, and, unless one is given, with no session to resume: an
 * old one would be let in where a new one is not. Nothing of the server is verified here; that is what path validation is for.
 * @throws ERR_REMOTE, ERR_TIMEOUT when there is no handshake at all; ERR_CONFIG for a client certificate that does not load
 */
export async function handshake(to: Address, options: HandshakeOptions = {}): Promise<Handshake> {
  const { client, serverName, starttls, session, timeout = PATIENCE } = options;
  const secureContext = contextOf(client);
  const wire = await Wire.open(to, timeout);
  try {
    await preamble(wire, starttls);
  } catch (error) {
    wire.close();
    throw error;
  }
  const socket = connect({
    socket: wire.release(),
    secureContext,
    rejectUnauthorized: false,
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(session === undefined ? {} : { session: Buffer.from(session) }),
  });
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(deadline);
      clearTimeout(settling);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
      settle();
    };
    const found: Partial<Handshake> = {};
    let settling: NodeJS.Timeout | undefined;
    let answer = '';
    const accept = (): void =>
      end(() => resolve({ outcome: 'accepted', ...found, ...(answer === '' ? {} : { answer }) }));
    const refuse = (error?: unknown): void => {
      const code = alertOf(error);
      const alert = code === undefined ? 'closed' : alertName(code);
      const reason = code === undefined ? 'the server closed the connection' : alertMeaning(code);
      end(() => resolve({ outcome: 'refused', ...found, alert, reason }));
    };
    const admitted = (given: Buffer): void => {
      found.session ??= new Uint8Array(given);
      if (options.ask === undefined) accept();
    };
    const deadline = setTimeout(
      () => end(() => reject(timedOut(formatAddress(to), 'finish the TLS handshake', timeout))),
      timeout,
    );
    socket.on('secureConnect', () => {
      describe(socket, found);
      if (options.ask !== undefined) socket.write(options.ask.request);
      // Before TLS 1.3 the server has judged the client by now.
      else if (found.protocol !== 'TLSv1.3') return accept();
      settling = setTimeout(accept, options.ask === undefined ? SETTLING : timeout / 2);
    });
    socket.on('session', admitted);
    socket.on('data', (chunk) => {
      answer = (answer + chunk.toString('latin1')).slice(0, LONGEST_ANSWER);
      if (options.ask === undefined || answer.includes('\n')) accept();
    });
    socket.on('error', (error) => {
      if (found.protocol === undefined && alertOf(error) === undefined && !isClosing(error))
        end(() => reject(unreachable(formatAddress(to), error)));
      else refuse(error);
    });
    socket.on('end', () => (answer === '' ? refuse() : accept()));
    socket.on('close', () => (answer === '' ? refuse() : accept()));
  });
}

function describe(socket: TLSSocket, found: Partial<Handshake>): void {
  found.protocol = socket.getProtocol() ?? 'unknown';
  found.cipher = socket.getCipher().name;
  const leaf = socket.getPeerX509Certificate();
  if (leaf !== undefined) {
    found.leaf = new Uint8Array(leaf.raw);
    found.chain = chainOf(leaf);
  }
  if (socket.isSessionReused()) found.resumed = true;
}

/** A certificate, and those that were served with it up to where they lead. */
function chainOf(leaf: X509Certificate): Uint8Array[] {
  const chain: Uint8Array[] = [];
  const seen = new Set<string>();
  // A self-signed one is its own issuer.
  for (let one: X509Certificate | undefined = leaf; one && !seen.has(one.fingerprint256); one = one.issuerCertificate) {
    seen.add(one.fingerprint256);
    chain.push(new Uint8Array(one.raw));
  }
  return chain;
}

function isClosing(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Old and weak ciphers are let in: this reports what a server does. @throws ERR_CONFIG */
function contextOf(client: ClientCertificate | undefined): SecureContext {
  const options = { ca: [], minVersion: 'TLSv1' as const, ciphers: 'DEFAULT@SECLEVEL=0' };
  if (client === undefined) return createSecureContext(options);
  try {
    return createSecureContext({ ...options, cert: Buffer.from(client.cert), key: Buffer.from(client.key) });
  } catch (cause) {
    throw new ClusterCaError('ERR_CONFIG', `the client certificate cannot be used: ${whyNot(cause)}`, {
      hint: '--cert takes the certificate with its chain, --key its private key, both in PEM',
    });
  }
}

/** OpenSSL's words, without anything of the key: they never quote it. */
function whyNot(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (code.includes('KEY_VALUES_MISMATCH')) return 'the key belongs to another certificate';
  if (code.includes('KEY_TYPE_MISMATCH')) return 'the key is of another type than the certificate';
  return code.startsWith('ERR_OSSL')
    ? code
        .replace(/^ERR_OSSL_/, '')
        .replaceAll('_', ' ')
        .toLowerCase()
    : 'it does not load';
}
