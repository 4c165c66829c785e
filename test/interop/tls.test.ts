import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type PeerCertificate, type TLSSocket } from 'node:tls';
import { describe, expect, test } from '@jest/globals';
import { scratch } from '../support/scratch.ts';
import { type MadeCa, type MadeCertificate, makeAll } from './support/made.ts';

// Node's own TLS on loopback, both sides with certificates, CRLs on both sides.

const made = await makeAll(await scratch('tls'));

interface Outcome {
  protocol: string | null;
  /** As the server and the client saw the other one. */
  client: string;
  server: string;
}

function credentials({ files }: MadeCa, one: MadeCertificate) {
  return {
    ca: readFileSync(files.root),
    crl: splitPem(readFileSync(files.crls, 'utf8')),
    cert: readFileSync(one.chain),
    key: readFileSync(one.key),
  };
}

/** Node wants each CRL by itself. */
function splitPem(text: string): string[] {
  return text.split(/(?<=-----END X509 CRL-----\n)/).filter((block) => block !== '');
}

async function handshake(
  ca: MadeCa,
  server: MadeCertificate,
  client: MadeCertificate,
  version: 'TLSv1.2' | 'TLSv1.3',
  trust = ca,
): Promise<Outcome> {
  const versions = { minVersion: version, maxVersion: version } as const;
  const accepted = deferred<PeerCertificate>();
  const listener = createServer(
    { ...credentials(ca, server), requestCert: true, rejectUnauthorized: true, ...versions },
    (socket) => {
      socket.on('error', () => {});
      accepted.resolve(socket.getPeerCertificate());
      socket.end('hello');
    },
  );
  listener.on('tlsClientError', accepted.reject);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = listener.address() as AddressInfo;
    const options = { ...credentials(ca, client), ca: readFileSync(trust.files.root), ...versions };
    const socket = connect({ ...options, port, host: '127.0.0.1', servername: 'localhost' });
    const seen = await greeted(socket);
    return { ...seen, client: String((await accepted.promise).subject.CN) };
  } finally {
    accepted.promise.catch(() => {});
    listener.close();
  }
}

function greeted(socket: TLSSocket): Promise<Omit<Outcome, 'client'>> {
  return new Promise((resolve, reject) => {
    let text = '';
    const seen = { protocol: null as string | null, server: '' };
    socket.on('secureConnect', () => {
      seen.protocol = socket.getProtocol();
      seen.server = String(socket.getPeerCertificate().subject.CN);
    });
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', reject);
    socket.on('close', () => (text === 'hello' ? resolve(seen) : reject(new Error('closed without a greeting'))));
  });
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((a, b) => {
    resolve = a;
    reject = b;
  });
  return { promise, resolve, reject };
}

const find = (ca: MadeCa, profile: string, keyType: string, revoked = false): MadeCertificate =>
  ca.certificates.find(
    (one) => one.profile === profile && one.keyType === keyType && one.revoked === revoked,
  ) as MadeCertificate;

describe.each(made.map((ca) => [ca.caType, ca] as const))('under %s', (_, ca) => {
  const keyTypes = [...new Set(ca.certificates.map(({ keyType }) => keyType))];
  test.each(keyTypes)('%s, both ways', async (keyType) => {
    const expected = { client: 'n1', server: 'n1' };
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const [peer, client] = [find(ca, 'peer', keyType), find(ca, 'client', keyType)];
      expect(await handshake(ca, peer, peer, version)).toEqual({ ...expected, protocol: version });
      expect(await handshake(ca, find(ca, 'server', keyType), client, version)).toEqual({
        ...expected,
        protocol: version,
      });
    }
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s refuses what is revoked, of another purpose, or of another CA',
    async (version) => {
      const peer = find(ca, 'peer', 'ecdsa-p256');
      const refused = (server: MadeCertificate, client: MadeCertificate, trust = ca) =>
        expect(handshake(ca, server, client, version, trust)).rejects.toThrow();
      await refused(find(ca, 'peer', 'ecdsa-p256', true), peer);
      await refused(peer, find(ca, 'peer', 'ecdsa-p256', true));
      await refused(find(ca, 'client', 'ecdsa-p256'), peer);
      await refused(peer, find(ca, 'server', 'ecdsa-p256'));
      await refused(peer, peer, made.find((other) => other !== ca) as MadeCa);
    },
  );
});
