import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';

/** Where one node's files of one plane are. */
export interface Identity {
  node: string;
  plane: string;
  directory: string;
}

function material({ directory }: Identity, crl?: string[]) {
  const read = (name: string): Buffer => readFileSync(join(directory, name));
  return { cert: read('cert.pem'), key: read('key.pem'), ca: read('ca.pem'), ...(crl === undefined ? {} : { crl }) };
}

/** A server that demands a client certificate and answers with the name in it. @returns it, listening on loopback */
export async function serve(identity: Identity, crl?: string[]): Promise<{ server: Server; port: number }> {
  const server = createServer({
    ...material(identity, crl),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
  });
  server.on('secureConnection', (socket: TLSSocket) => socket.end(String(socket.getPeerCertificate().subject.CN)));
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

/**
 * One mutual-TLS handshake: the client checks the server's name and chain, the server the client's certificate.
 * @returns the name that the server saw in the client's certificate
 */
export function handshake(client: Identity, port: number, servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...material(client), host: '127.0.0.1', port, servername });
    socket.setTimeout(10_000);
    let seen = '';
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    // Under TLS 1.3 a refusal arrives after the handshake seems done: only an answer proves that we were accepted.
    socket.on('end', () => (seen === '' ? reject(new Error('refused')) : resolve(seen)));
    socket.on('timeout', () => socket.destroy(new Error('timed out')));
    socket.on('error', reject);
  });
}
