import { request } from 'node:http';
import { type Address, formatAddress } from '../endpoint/address.ts';
import { misbehaved, timedOut } from '../endpoint/failure.ts';
import { openChannel } from './secure-channel.ts';
import type { Situation } from './target.ts';

/** With what an etcd is asked. */
export type Access = Pick<Situation<unknown>, 'client' | 'judge' | 'timeout'>;

export interface Answer {
  status: number;
  body: string;
}

/** More than the members of any cluster; what is longer is not etcd's. */
const MOST = 1 << 20;

/**
 * One request of HTTP/1.1 over a connection of its own, with mutual TLS.
 * @param body JSON, by POST; without it GET
 * @throws ERR_REMOTE, ERR_TIMEOUT
 */
export async function askHttp(to: Address, path: string, access: Access, body?: object): Promise<Answer> {
  const socket = await openChannel(to, access);
  const address = formatAddress(to);
  try {
    return await new Promise((resolve, reject) => {
      const asked = request({
        createConnection: () => socket,
        path,
        method: body === undefined ? 'GET' : 'POST',
        headers: { Host: address, Connection: 'close', ...(body === undefined ? {} : JSON_BODY) },
      });
      const deadline = setTimeout(
        () => asked.destroy(timedOut(address, `answer ${path}`, access.timeout)),
        access.timeout,
      );
      const end = (settle: () => void): void => {
        clearTimeout(deadline);
        settle();
      };
      const failed = (error: Error): void =>
        end(() =>
          reject(error.name === 'ClusterCaError' ? error : misbehaved(address, `closed the connection at ${path}`)),
        );
      asked.on('error', failed);
      asked.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('error', failed);
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > MOST) asked.destroy(misbehaved(address, 'sends without end'));
        });
        response.on('end', () => end(() => resolve({ status: response.statusCode ?? 0, body: text })));
      });
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  } finally {
    socket.destroy();
  }
}

const JSON_BODY = { 'Content-Type': 'application/json' };
