import { once } from 'node:events';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import { afterAll } from '@jest/globals';
import { OID } from '../../src/pki/oids.ts';
import { encodePem } from '../../src/pki/pem.ts';
import { extKeyUsage } from '../../src/pki/x509/extensions.ts';
import { ipName } from '../../src/pki/x509/general-name.ts';
import { type Entity, makeCa, makeLeaf, makeRoot } from '../support/make-pki.ts';

/** Valid whenever the tests run. */
export const VALIDITY = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 86_400_000) };

export const root = makeRoot('CN=Root', VALIDITY);
export const issuing = makeCa('CN=Issuing', root, VALIDITY);
export const server = makeLeaf('CN=server', issuing, [{ type: 'dns', value: 'localhost' }, ipName('127.0.0.1')], {
  ...VALIDITY,
  extensions: [extKeyUsage([OID.serverAuth, OID.clientAuth])],
});
export const client = makeLeaf('CN=client', issuing, [], { ...VALIDITY, extensions: [extKeyUsage([OID.clientAuth])] });
export const stranger = makeRoot('CN=Stranger', VALIDITY);

export const certificatePem = (...entities: Entity[]): string =>
  entities.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
export const keyPem = ({ key }: Entity): string => key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
export const identity = (...chain: [Entity, ...Entity[]]): { cert: Buffer; key: Buffer } => ({
  cert: Buffer.from(certificatePem(...chain)),
  key: Buffer.from(keyPem(chain[0])),
});

const running: Server[] = [];
const open = new Set<Socket>();
afterAll(async () => {
  for (const socket of open) socket.destroy();
  await Promise.all(running.map((one) => new Promise((resolve) => one.close(resolve))));
});

async function listen(one: Server): Promise<number> {
  one.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  });
  one.listen(0, '127.0.0.1');
  await once(one, 'listening');
  running.push(one);
  return (one.address() as AddressInfo).port;
}

/** A TLS server on 127.0.0.1 with the made certificate, until the test file ends. @returns its port */
export async function tlsServer(options: TlsOptions = {}, answer?: string): Promise<number> {
  const one = createServer(
    { ...identity(server, issuing), ca: certificatePem(root, issuing), ...options },
    (socket) => {
      socket.on('error', () => {});
      if (answer !== undefined) socket.on('data', () => socket.write(answer));
    },
  );
  one.on('tlsClientError', () => {});
  return listen(one);
}

/** A TCP server that is given each connection. */
export async function tcpServer(serve: (socket: Socket) => void): Promise<number> {
  return listen(createTcp(serve));
}
