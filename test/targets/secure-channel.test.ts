import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { encodePem } from '../../src/pki/pem.ts';
import { openChannel } from '../../src/targets/secure-channel.ts';
import { type Entity, makeLeaf, makeRoot } from '../support/make-pki.ts';

const pem = ({ der }: Entity): string => encodePem('CERTIFICATE', der);
const pairOf = (entity: Entity) => ({
  cert: pem(entity),
  key: entity.key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
});
const [ours, others] = [makeRoot('CN=ours'), makeRoot('CN=others')];
const [us, stranger] = [pairOf(makeLeaf('CN=us', ours)), pairOf(makeLeaf('CN=stranger', others))];
const server = createServer({ ...us, ca: pem(ours), requestCert: true, rejectUnauthorized: true });
server.on('tlsClientError', () => {});
let to: { host: string; port: number };

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  to = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
});
afterAll(() => {
  server.close();
});

const client = ({ cert, key }: typeof us) => ({ cert: Buffer.from(cert), key: Buffer.from(key) });
/** As long as it takes to look something up: the refusal comes meanwhile. */
const slowly = async (): Promise<undefined> => {
  await sleep(200);
};

test('one that refuses us while its certificate is judged is an error like any other', async () => {
  await expect(openChannel(to, { client: client(stranger), judge: slowly, timeout: 10_000 })).rejects.toMatchObject({
    code: 'ERR_REMOTE',
    message: expect.stringMatching(/^127\.0\.0\.1:\d+ (does not let us in: |closed the connection)/),
  });
});

test('one that lets us in is spoken with; one that is judged unfit is not', async () => {
  const socket = await openChannel(to, { client: client(us), judge: slowly, timeout: 10_000 });
  expect(socket.destroyed).toBe(false);
  socket.destroy();
  await expect(
    openChannel(to, { client: client(us), judge: async () => ({ message: 'why' }), timeout: 10_000 }),
  ).rejects.toThrow(/shows a certificate that is not to be trusted: why/);
});
