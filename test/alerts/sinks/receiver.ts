import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll } from '@jest/globals';
import type { Material } from '../../support/tls.ts';

/** A request as it came in. */
export interface Received {
  method: string | undefined;
  path: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface Receiver {
  url: string;
  port: number;
  received: Received[];
  /** Connections taken. */
  connections: () => number;
}

const closers: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(closers.map((close) => close())));

type Answer = (response: ServerResponse, request: Received, nth: number) => void;

/** A real HTTP server on 127.0.0.1 (HTTPS with `tls`) that notes what it is sent, and answers as told. */
export async function receiver(answer: Answer, tls?: Material, address = '127.0.0.1'): Promise<Receiver> {
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method, url: path, headers } = request;
    const one = { method, path, headers, body: Buffer.concat(chunks).toString() };
    received.push(one);
    answer(response, one, received.length);
  };
  const heed = (request: IncomingMessage, response: ServerResponse) => void take(request, response).catch(() => {});
  const server =
    tls === undefined ? createServer(heed) : createSecureServer({ cert: tls.cert, key: tls.key, ca: tls.ca }, heed);
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${address}:${port}`,
    port,
    received,
    connections: () => connections,
  };
}

export const ok: Answer = (response) => response.end();
export const says =
  (status: number, body = '', headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(status, headers).end(body);
