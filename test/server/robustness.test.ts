import { readFile } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LIMITS } from '../../src/server/http/limits.ts';
import type { Material } from '../support/tls.ts';
import { Daemon } from './daemon.ts';

const daemon = await Daemon.make('orders');
let operator: Required<Material>;
const open: Socket[] = [];

beforeAll(async () => {
  operator = await daemon.person('ann', '--role', 'operator');
  await daemon.start();
  const { socket, answer, ready } = client();
  await ready;
  socket.write(
    'PUT /v1/job_scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{',
  );
  slowBody = { answer, drip: setInterval(() => socket.write(' '), 500) };
});

afterAll(() => {
  for (const socket of open) socket.destroy();
  clearInterval(slowBody?.drip);
});

const alerts = (): Promise<number> => daemon.call(operator, '/v1/cluster/alerts').then(({ status }) => status);

/** A client of ours that sends octets, and is told all that comes until the daemon closes. */
function client(): { socket: Socket; answer: Promise<string>; ready: Promise<void> } {
  const socket = connectTls({ port: daemon.port, host: '127.0.0.1', ...operator });
  open.push(socket);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  return {
    socket,
    answer: new Promise((resolve) => socket.on('close', () => resolve(text))),
    ready: new Promise((resolve) => socket.once('secureConnect', () => resolve())),
  };
}

/** As many connections as this process may hold, up to a number, opened by and by. */
async function idle(count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i += 250)
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(250, count - i) }, connected))));
  return sockets;
}

function connected(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(daemon.port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
    open.push(socket);
    socket.on('connect', () => socket.off('error', reject).on('error', () => {}));
  });
}

/** Files that this process may have open. */
async function openFiles(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
}

/** A request whose body never ends; begun first, because it takes its time. */
let slowBody: { answer: Promise<string>; drip: NodeJS.Timeout };

describe('a body over 64 KiB', () => {
  const head = 'PUT /v1/job_scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  test.each([
    ['that says so', `${head}Content-Length: ${LIMITS.body + 1}\r\n\r\n{`],
    ['in chunks', `${head}Transfer-Encoding: chunked\r\n\r\n${`4000\r\n${'x'.repeat(0x4000)}\r\n`.repeat(5)}`],
  ])('%s is 413, a problem document', async (_, octets) => {
    const { socket, answer, ready } = client();
    await ready;
    socket.write(octets);
    const text = await answer;
    expect(text).toMatch(/^HTTP\/1\.1 413 Payload Too Large\r\n[\s\S]*content-type: application\/problem\+json/i);
    expect(text).toContain('"status":413');
  });

  test('one of 64 KiB is read', async () => {
    const { status } = await daemon.call(operator, '/v1/job_scheduler', {
      method: 'PUT',
      body: JSON.stringify({ x: 'y'.repeat(LIMITS.body - 8) }),
      headers: { 'Content-Type': 'application/json' },
    });
    expect(status).toBe(400);
  });
});

// In CI fewer: what counts is that they are more than the daemon holds.
const many = Math.min(process.env.CI === undefined ? 10_000 : 5_000, (await openFiles()) - 500);
test(`${many} idle connections, more than the ${LIMITS.connections} that it holds, keep nobody out`, async () => {
  expect(many).toBeGreaterThan(LIMITS.connections);
  const sockets = await idle(many);
  for (let i = 0; i < 5; i++) expect(await alerts()).toBe(200);
  const { text } = await daemon.plain('/metrics');
  expect(Number(/^cluster_ca_open_connections (\d+)/m.exec(text)?.[1])).toBeLessThanOrEqual(LIMITS.connections);
  for (const socket of sockets) socket.destroy();
  expect(await alerts()).toBe(200);
});

test(`slow ones are closed while the others are answered: a handshake after ${LIMITS.handshake / 1000} s, a body after ${LIMITS.receive / 1000} s`, async () => {
  const silent = await connected();
  const half = await connected();
  // The head of a ClientHello, and no more.
  half.write(Buffer.from('16030100c8010000c40303', 'hex'));
  const closed = (socket: Socket): Promise<unknown> =>
    new Promise((resolve) => (socket.closed ? resolve(0) : socket.once('close', resolve)));
  expect(await alerts()).toBe(200);
  await Promise.all([closed(silent), closed(half)]);
  expect(await alerts()).toBe(200);
  expect(await slowBody.answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*application\/problem\+json/);
});

test('told to stop, it answers what it was asked, and waits for nobody who is idle', async () => {
  const waiting = client();
  await waiting.ready;
  const path = '/v1/cluster/certificates';
  waiting.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\nGET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await new Promise((resolve) => waiting.socket.once('data', resolve));
  const lazy = client();
  await lazy.ready;
  expect(await daemon.stop('SIGTERM')).toBe(0);
  expect((await waiting.answer).match(/HTTP\/1\.1 200 /g)?.length).toBeGreaterThanOrEqual(1);
  expect(await lazy.answer).toBe('');
  expect(daemon.events.at(-1)?.event).toBe('stopped');
});
