import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ConnectAnswer, ConnectListener } from '../../src/endpoint/connect-listener.ts';
import { LocalHost } from '../../src/hosts/local-host.ts';
import { toHex } from '../../src/pki/encoding.ts';
import { OID } from '../../src/pki/oids.ts';
import { extKeyUsage } from '../../src/pki/x509/extensions.ts';
import { makeLeaf } from '../support/make-pki.ts';
import { scratch } from '../support/scratch.ts';
import { certificatePem, client, identity, issuing, root, stranger, VALIDITY } from './tls-server.ts';

// An end of ours, and clients of node:tls that judge what it shows.

const NAME = '0123.cluster-ca-probe.orders.internal';
const shown = identity(
  makeLeaf('CN=probe', issuing, [{ type: 'dns', value: NAME }], {
    ...VALIDITY,
    extensions: [extKeyUsage([OID.serverAuth])],
  }),
  issuing,
);
const directory = await scratch('connect-listener');
const host = new LocalHost();
let listener: ConnectListener;

beforeAll(async () => {
  listener = await ConnectListener.open(host, { name: NAME });
});
afterAll(() => listener.close());

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

/** One connection to its end. @returns the certificate that was shown, if any was */
async function dial(options: ConnectionOptions = {}, port = listener.port): Promise<string | undefined> {
  const more = { servername: NAME, ca: certificatePem(root), ...options };
  const socket = connect({ host: '127.0.0.1', port, ...more });
  let seen: string | undefined;
  socket.on('secureConnect', () => {
    seen = socket.getPeerX509Certificate()?.subject;
    socket.end();
  });
  socket.on('error', () => {});
  socket.resume();
  await closed(socket);
  return seen;
}

const dialing =
  (work: () => Promise<unknown>, hasTried = true): (() => Promise<boolean>) =>
  async () => {
    await work();
    return hasTried;
  };
const ask = (options?: ConnectionOptions, timeout = 5_000): Promise<ConnectAnswer | undefined> =>
  listener.ask(
    { shown, timeout },
    dialing(() => dial(options)),
  );

test('who verifies it has accepted, under both versions of TLS; what it shows itself is told', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    expect(await ask({ maxVersion })).toEqual({ outcome: 'accepted' });
    const answer = await ask({ maxVersion, ...identity(client, issuing) });
    expect(answer?.outcome === 'accepted' && toHex(answer.leaf ?? new Uint8Array())).toBe(toHex(client.der));
  }
});

test('who does not has refused, by its alert', async () => {
  // node:tls verifies when the handshake is over, and OpenSSL's own clients within it: as servers do.
  const anchors = join(directory, 'anchors.pem');
  await writeFile(anchors, certificatePem(stranger));
  const openssl = (): Promise<void> =>
    new Promise((resolve) => {
      const to = ['-connect', `127.0.0.1:${listener.port}`, '-servername', NAME];
      const child = execFile('openssl', ['s_client', ...to, '-CAfile', anchors, '-verify_return_error'], () =>
        resolve(),
      );
      child.stdin?.end();
    });
  expect(await listener.ask({ shown, timeout: 10_000 }, dialing(openssl))).toEqual({
    outcome: 'refused',
    reason: 'unknown_ca',
  });
});

test('who asks for another name, or none, or not by TLS, says nothing', async () => {
  expect(await ask({ servername: 'redis-1.orders.internal' })).toBeUndefined();
  expect(await ask({ servername: '' })).toBeUndefined();
  const plain = async (): Promise<void> => {
    const socket = connectTcp(listener.port, '127.0.0.1', () => socket.end('GET / HTTP/1.0\r\n\r\n'));
    socket.resume();
    await closed(socket);
  };
  expect(await listener.ask({ shown, timeout: 5_000 }, dialing(plain))).toBeUndefined();
});

test('nothing is shown while nothing is asked, and nobody is let in once it is closed', async () => {
  expect(await dial()).toBeUndefined();
  const one = await ConnectListener.open(host, { name: NAME });
  const { port } = one;
  expect(
    await one.ask(
      { shown, timeout: 5_000 },
      dialing(() => dial({}, port)),
    ),
  ).toEqual({ outcome: 'accepted' });
  await one.close();
  const socket = connectTcp(port, '127.0.0.1');
  await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED');
});

test('no session of one handshake is resumed in the next', async () => {
  let session: Buffer | undefined;
  let resumed: boolean | undefined;
  const once = async (): Promise<void> => {
    const more = { servername: NAME, ca: certificatePem(root), maxVersion: 'TLSv1.2' as const };
    const socket = connect({ host: '127.0.0.1', port: listener.port, ...more, ...(session && { session }) });
    socket.on('secureConnect', () => {
      session = socket.getSession();
      resumed = socket.isSessionReused();
    });
    socket.on('error', () => {});
    socket.resume();
    await closed(socket);
  };
  for (let i = 0; i < 2; i++)
    expect(await listener.ask({ shown, timeout: 5_000 }, dialing(once))).toEqual({ outcome: 'accepted' });
  expect([session === undefined, resumed]).toEqual([false, false]);
});

test('of who judges after the handshake, what it says counts; and that it leaves, if it has tried', async () => {
  const question = { shown, says: 'GET /probe?0123 ', timeout: 5_000 };
  const saying = (text: string | undefined) => async (): Promise<void> => {
    const socket = connect({ host: '127.0.0.1', port: listener.port, servername: NAME, ca: certificatePem(root) });
    socket.on('secureConnect', () => (text === undefined ? socket.end() : socket.write(text)));
    socket.on('error', () => {});
    socket.setTimeout(200, () => socket.destroy());
    socket.resume();
    await closed(socket);
  };
  const right = saying('GET /probe?0123 HTTP/1.0\r\n\r\n');
  expect(await listener.ask(question, dialing(right))).toEqual({ outcome: 'accepted' });
  expect(await listener.ask(question, dialing(saying(undefined)))).toMatchObject({ outcome: 'refused' });
  expect(await listener.ask(question, dialing(saying('GET / HTTP/1.0\r\n\r\n')))).toMatchObject({ outcome: 'refused' });
  expect(await listener.ask(question, dialing(saying(undefined), false))).toBeUndefined();
  expect(
    await listener.ask(
      question,
      dialing(async () => {}),
    ),
  ).toBeUndefined();
});
