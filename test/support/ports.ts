import { connect, createServer } from 'node:net';

// Below Linux's ephemeral range (32768 on), where an outgoing connection could take a port between check and use;
// a Redis cluster bus listens 10,000 above, still below it. Jest's workers draw from slices of their own.
const FIRST = 16_000;
const SLICE = 1_280;
const SLICES = 5;
const REDIS_BUS = 10_000;

const given = new Set<number>();

/** A port of 127.0.0.1 on which nothing listens, not handed out before. */
export async function freePort(): Promise<number> {
  return draw(async (port) => await isFree(port));
}

/** The same with the port of the Redis cluster bus, 10,000 above, free as well. */
export async function freeClusterPort(): Promise<number> {
  return draw(async (port) => (await isFree(port)) && (await isFree(port + REDIS_BUS)));
}

/** Four digits that three ports of a Redis cluster begin with: behind them 1, 2 and 3 are such ports. */
export async function freeClusterPrefix(): Promise<string> {
  for (;;) {
    const prefix = Math.floor((await freeClusterPort()) / 10);
    const ports = [1, 2, 3].map((n) => prefix * 10 + n);
    const free = await Promise.all(ports.map(async (port) => (await isFree(port)) && (await isFree(port + REDIS_BUS))));
    if (free.every(Boolean)) return String(prefix);
  }
}

async function draw(suits: (port: number) => Promise<boolean>): Promise<number> {
  const slice = Number(process.env.JEST_WORKER_ID ?? 0) % SLICES;
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = FIRST + slice * SLICE + Math.floor(Math.random() * SLICE);
    if (given.has(port) || !(await suits(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error('no free port found on 127.0.0.1');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Whether something on 127.0.0.1 takes a TCP connection. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      resolve(true);
      socket.destroy();
    });
  });
}
