import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { limitConnections } from '../../src/server/http/limits.ts';

const open: { server?: Server; sockets: Socket[] } = { sockets: [] };

afterEach(() => {
  for (const socket of open.sockets.splice(0)) socket.destroy();
  open.server?.close();
});

async function listen(most: number): Promise<{ port: number; count: () => number }> {
  const server = createServer((_, response) => response.end('here'));
  const limit = limitConnections(server, most);
  open.server = server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, count: () => limit.count };
}

function idle(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', () => {});
    open.sockets.push(socket);
  });
}

function get(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

test('many idle connections make room for whoever comes next', async () => {
  const { port, count } = await listen(8);
  for (let i = 0; i < 60; i++) await idle(port);
  for (let i = 0; i < 5; i++) expect(await get(port)).toBe(200);
  expect(count()).toBeLessThanOrEqual(8);
});

test('a connection that is being served is not closed for another', async () => {
  let answer: (() => void) | undefined;
  const server = createServer((_, response) => {
    answer = () => response.end('late');
  });
  open.server = server;
  limitConnections(server, 2);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const slow = get(port);
  while (answer === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  for (let i = 0; i < 10; i++) await idle(port);
  answer();
  expect(await slow).toBe(200);
});
