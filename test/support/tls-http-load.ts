import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import type { LoadClient } from './steady-load.ts';
import { type Material, open } from './tls.ts';

/** What a client of the load has counted beyond its operations. */
export interface Counted {
  /** Requests that a server had closed a kept connection under, before the first octet of an answer, and that were sent again. */
  again: number;
}

/**
 * A client of an HTTP server that says in `X-Uri` what it was asked for: one request after the other over one connection,
 * or each over its own. As HTTP has it (RFC 9112 §9.3.1), a GET on a kept connection that the server closes before it
 * has begun to answer is sent again, once, over a new one; that is counted.
 */
export function httpClient(
  id: number,
  group: 'lasting' | 'fresh',
  port: number,
  material: Material,
): LoadClient & { counted: Counted } {
  let kept: TLSSocket | undefined;
  let opened = 0;
  const counted: Counted = { again: 0 };
  const connect = async (): Promise<TLSSocket> => {
    opened++;
    const socket = open(port, material);
    await once(socket, 'secureConnect');
    // A kept connection that ends while nothing is asked is no error.
    socket.on('error', () => {});
    return socket;
  };
  return {
    group,
    counted,
    async operation(round) {
      const path = `/${group}/${id}/${round}`;
      const old = kept !== undefined && !kept.destroyed && !kept.readableEnded ? kept : undefined;
      kept = undefined;
      let answer = old === undefined ? undefined : await get(old, path);
      if (old !== undefined && answer === undefined) counted.again++;
      let socket = old;
      if (answer === undefined) {
        socket = await connect();
        answer = await get(socket, path);
      }
      if (!answer?.startsWith('HTTP/1.1 200 ') || !answer.includes(`\r\nX-Uri: ${path}\r\n`))
        throw new Error(`GET ${path}: ${answer?.split('\r\n')[0] ?? 'closed without an answer'}`);
      if (group === 'lasting' && !/\r\nConnection: close\r\n/i.test(answer)) kept = socket;
      else socket?.destroy();
    },
    connections: () => opened,
    close: () => kept?.destroy(),
  };
}

/** @returns the head and body of the answer; undefined when the connection ends before the first octet of it */
function get(socket: TLSSocket, path: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const end = (settle: () => void): void => {
      socket.off('data', receive).off('close', closed);
      settle();
    };
    const receive = (chunk: Buffer): void => {
      answer += chunk.toString('latin1');
      const head = answer.indexOf('\r\n\r\n');
      const length = /\r\nContent-Length: (\d+)\r\n/i.exec(answer)?.[1];
      if (head >= 0 && answer.length >= head + 4 + Number(length)) end(() => resolve(answer));
    };
    const closed = (): void =>
      end(() => (answer === '' ? resolve(undefined) : reject(new Error(`GET ${path}: the answer was cut off`))));
    socket.on('data', receive).on('close', closed);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  });
}
