import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { ClusterCaError } from '../errors.ts';
import { errno } from '../keystore/directory/errors.ts';

/** A listener of this process, which hands over who connects, until it is closed. */
export interface OpenListener {
  server: Server;
  /** Takes no more, and ends those that it has handed over. */
  close(): Promise<void>;
}

/** @throws ERR_REMOTE when it cannot be had */
export async function openListener(at: ListenOptions, take: (socket: Socket) => void): Promise<OpenListener> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => {});
    take(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', (cause) => reject(notOpened(at, cause)));
    server.listen(at);
  });
  server.on('error', () => {});
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  return { server, close };
}

function notOpened({ port, path }: ListenOptions, cause: Error): ClusterCaError {
  const where = path ?? `127.0.0.1:${port}`;
  const used = errno(cause) === 'EADDRINUSE';
  return new ClusterCaError('ERR_REMOTE', `cannot listen on ${where}: ${used ? 'it is in use' : cause.message}`, {
    hint: used ? 'is another cluster-ca at work there?' : 'may this user open it?',
    cause,
  });
}
