import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { FastifyInstance } from 'fastify';
import { type Address, formatAddress } from '../../endpoint/address.ts';
import { ClusterCaError } from '../../errors.ts';
import { errno } from '../../keystore/directory/errors.ts';
import { anchorsOf } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { fromBase64 } from '../../pki/encoding.ts';
import { encodePem } from '../../pki/pem.ts';
import { type Connections, HTTP_LIMITS, LIMITS, limitConnections } from './limits.ts';
import type { OwnCertificate } from './own-certificate.ts';

export interface Listener<S extends Server> {
  server: S;
  /** Connections that are open. */
  connections: Connections;
}

/** Callers are of this cluster: anchors that were added to the trust bundles let nobody in here. */
function callersAnchors({ state }: Keystore): string {
  return anchorsOf(state)
    .map((anchor) => encodePem('CERTIFICATE', anchor))
    .join('');
}

/**
 * What TLS is told: whom we are, and whose clients come in at all. The chain goes up to the root: a node that joins has
 * nothing but the hash of that root's key.
 */
function tlsMaterial(own: OwnCertificate, keystore: Keystore) {
  return {
    cert: own.cert + rootAbove(keystore, own.authority),
    key: own.key,
    ca: callersAnchors(keystore),
    minVersion: 'TLSv1.2' as const,
  };
}

/** PEM: the root above an issuing CA. They have one generation number. */
function rootAbove(keystore: Keystore, issuing: string): string {
  const { authorities } = keystore.state;
  const generation = keystore.authority(issuing)?.generation;
  const root = authorities.find((authority) => authority.role === 'root' && authority.generation === generation);
  return root === undefined ? '' : encodePem('CERTIFICATE', fromBase64(root.certificate));
}

/**
 * The listener for callers: TLS 1.2 and 1.3. Whoever shows a client certificate that does not lead to our root, or has
 * ended, gets no HTTP. Whoever shows none gets as far as the one function that authorizes: it refuses everything but
 * what a join token is for.
 */
export function secureListener(own: OwnCertificate, keystore: Keystore): Listener<HttpsServer> {
  const server = createHttpsServer({
    ...HTTP_LIMITS,
    ...tlsMaterial(own, keystore),
    handshakeTimeout: LIMITS.handshake,
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  });
  // Before HTTP hears of the connection.
  server.prependListener('secureConnection', (socket) => {
    if (!socket.authorized && socket.getPeerX509Certificate() !== undefined) socket.destroy();
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return { server, connections: limitConnections(server) };
}

/** New handshakes get the new certificate, and are held against the anchors of now; connections that are open go on. */
export function renewSecureListener(server: HttpsServer, own: OwnCertificate, keystore: Keystore): void {
  server.setSecureContext(tlsMaterial(own, keystore));
}

/** The listener for what anybody may read. */
export function plainListener(): Listener<Server> {
  const server = createHttpServer({ ...HTTP_LIMITS });
  return { server, connections: limitConnections(server) };
}

/** @throws ERR_STORAGE, ERR_USAGE when it cannot be listened there */
export async function listen(app: FastifyInstance, address: Address): Promise<void> {
  try {
    await app.listen({ host: address.host, port: address.port, backlog: 1024 });
  } catch (cause) {
    const taken = errno(cause) === 'EADDRINUSE';
    throw new ClusterCaError(
      'ERR_STATE',
      `cannot listen on ${formatAddress(address)}: ${taken ? 'something else does' : String(errno(cause) ?? cause)}`,
      { hint: 'choose another address with --listen or --http-listen', cause },
    );
  }
}
