import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { EndpointDocument } from '../../src/inspecting/endpoint-document.ts';
import { done, expectExit, expectSafe, fails, verdict } from '../cli/checks.ts';
import type { RunOptions } from '../support/cli.ts';
import { type Entity, makeLeaf } from '../support/make-pki.ts';
import { scratch } from '../support/scratch.ts';
import { warmCli } from '../support/warm.ts';
import {
  certificatePem,
  client,
  identity,
  issuing,
  keyPem,
  root,
  server,
  stranger,
  tcpServer,
  tlsServer,
  VALIDITY,
} from './tls-server.ts';

const directory = await scratch('endpoint');
const run = (args: string[], options: RunOptions = {}) =>
  warmCli(args, { cwd: directory, ...options, env: { HOME: '/nonexistent', ...options.env } });
const write = (name: string, content: string): string => {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
};
const trust = ['--trust', write('root.pem', certificatePem(root))];
const own = [
  '--cert',
  write('client.pem', certificatePem(client, issuing)),
  '--key',
  write('client.key', keyPem(client)),
];
const foreign = [
  '--cert',
  write('foreign.pem', certificatePem(stranger)),
  '--key',
  write('foreign.key', keyPem(stranger)),
];
const demanding = await tlsServer({ requestCert: true, rejectUnauthorized: true });
const open = await tlsServer();

interface Verified {
  valid: boolean;
  path: { subject: string }[];
  failures: { code: string }[];
  notes: string[];
  endpoint: { address: string; protocol: string; clientCertificate: string; served: string[]; keyProven: boolean };
}

/** A number in so many octets. */
const octets = (value: number, count: number): Buffer => {
  const out = Buffer.alloc(count);
  out.writeUIntBE(value, 0, count);
  return out;
};
const handshakeMessage = (type: number, body: Buffer): Buffer =>
  Buffer.concat([octets(type, 1), octets(body.length, 3), body]);

/** The first flight of TLS 1.2 with certificates whose keys nobody needs to have. */
function replayed(...certificates: Entity[]): Buffer {
  const hello = Buffer.concat([octets(0x0303, 2), randomBytes(32), octets(0, 1), octets(0xc02b, 2), octets(0, 1)]);
  const list = Buffer.concat(certificates.map(({ der }) => Buffer.concat([octets(der.length, 3), der])));
  const flight = Buffer.concat([
    handshakeMessage(2, hello),
    handshakeMessage(11, Buffer.concat([octets(list.length, 3), list])),
    handshakeMessage(14, Buffer.alloc(0)),
  ]);
  return Buffer.concat([octets(22, 1), octets(0x0303, 2), octets(flight.length, 2), flight]);
}

describe('verify HOST:PORT', () => {
  test('valid for the host that it was reached by', async () => {
    const found = await done<Verified>(run, ['verify', `127.0.0.1:${open}`, ...trust]);
    expect(found.path.map(({ subject }) => subject)).toEqual(['CN=server', 'CN=Issuing', 'CN=Root']);
    expect(found.endpoint).toMatchObject({ address: `127.0.0.1:${open}`, clientCertificate: 'not-requested' });
    expect(found.warnings?.join() ?? '').not.toMatch(/no name/);
    expect((await done<Verified>(run, ['verify', `localhost:${open}`, ...trust])).valid).toBe(true);
  });

  test('another name, another anchor, a purpose that it lacks: 5', async () => {
    const codes = async (...args: string[]): Promise<string[]> =>
      (await verdict<Verified>(run, ['verify', `127.0.0.1:${open}`, ...args], 'ERR_PATH')).failures.map(
        ({ code }) => code,
      );
    expect(await codes(...trust, '--name', 'other.example')).toEqual(['name-mismatch']);
    expect((await codes('--trust', write('stranger.pem', certificatePem(stranger))))[0]).toBe('issuer-not-found');
    expect(await codes(...trust, '--purpose', '1.3.6.1.5.5.7.3.3')).toEqual(['purpose-not-allowed']);
  });

  test('a server that demands a certificate: verified all the same, and with one that it takes', async () => {
    const without = await done<Verified>(run, ['verify', `127.0.0.1:${demanding}`, ...trust]);
    expect(without.warnings?.join()).toMatch(/demands a client certificate/);
    const withOne = await done<Verified>(run, ['verify', `127.0.0.1:${demanding}`, ...trust, ...own]);
    expect(withOne.warnings?.join() ?? '').not.toMatch(/demands/);
  });

  test('whose key it has not is not believed: the certificate of the whole handshake is verified', async () => {
    const imposter = await tlsServer({ cert: certificatePem(stranger), key: keyPem(stranger) });
    let connections = 0;
    const port = await tcpServer((socket) => {
      if (connections++ % 2 === 0) socket.once('data', () => socket.end(replayed(server, issuing)));
      else socket.pipe(connect(imposter, '127.0.0.1').on('error', () => {})).pipe(socket);
    });
    const args = ['verify', `127.0.0.1:${port}`, ...trust];
    const found = await verdict<Verified>(run, args, 'ERR_PATH');
    expect(found.failures.map(({ code }) => code)).toContain('untrusted-root');
    expect([found.endpoint.keyProven, found.notes.join()]).toEqual([
      true,
      expect.stringContaining('at first the server has shown another certificate'),
    ]);
  });

  test('who shows a certificate, and finishes no handshake: 7', async () => {
    let connections = 0;
    const port = await tcpServer((socket) => {
      const last = connections++ === 0 ? replayed(server, issuing) : undefined;
      socket.once('data', () => (last === undefined ? socket.end() : socket.end(last)));
    });
    const error = await fails(run, ['verify', `127.0.0.1:${port}`, ...trust], 'ERR_REMOTE');
    expect(error.message).toContain('does not finish the handshake');
  });

  test('one that it refuses: 7, with the alert', async () => {
    const error = await fails(run, ['verify', `127.0.0.1:${demanding}`, ...trust, ...foreign], 'ERR_REMOTE');
    expect(error.message).toMatch(/refused the client certificate: \w+/);
  });

  test('--explain', async () => {
    const found = await done<Verified & { attempts: unknown[] }>(run, [
      'verify',
      `127.0.0.1:${open}`,
      ...trust,
      '--explain',
    ]);
    expect(found.attempts.length).toBeGreaterThan(0);
  });
});

describe('exits', () => {
  test('nothing there, no TLS there, silence: 7', async () => {
    const plain = await tcpServer((socket) => socket.on('data', () => socket.end('HTTP/1.0 400 Bad\r\n\r\n')));
    const silent = await tcpServer(() => {});
    for (const verb of ['verify', 'inspect']) {
      await fails(run, [verb, '127.0.0.1:1', ...trust], 'ERR_REMOTE');
      expect((await fails(run, [verb, `127.0.0.1:${plain}`, ...trust], 'ERR_REMOTE')).hint).toMatch(/starttls/);
      await fails(run, [verb, `127.0.0.1:${silent}`, ...trust], 'ERR_TIMEOUT');
    }
  });

  test.each([
    ['a protocol without a preamble', ['--starttls', 'gopher']],
    ['half a pair', ['--cert', 'client.pem']],
    ['no pair', ['--cert', 'client.pem', '--key', 'foreign.key']],
    ['a key that is none', ['--cert', 'client.pem', '--key', 'root.pem']],
    ['a file that is absent', ['--cert', 'absent.pem', '--key', 'client.key']],
  ])('%s: 2', async (_, args) => {
    await fails(run, ['verify', `127.0.0.1:${open}`, ...trust, ...args], 2);
    await fails(run, ['inspect', `127.0.0.1:${open}`, ...trust, ...args], 2);
  });

  test('a port that is none, and flags that go with HOST:PORT only: 2', async () => {
    await fails(run, ['verify', '127.0.0.1:99999', ...trust], 2);
    await fails(run, ['verify', './root.pem', ...trust, '--starttls', 'smtp'], 2);
    await fails(run, ['inspect', './root.pem', ...own], 2);
    await fails(run, ['inspect', './root.pem', '--name', 'x'], 2);
  });
});

describe('inspect HOST:PORT', () => {
  const inspect = (port: number, ...args: string[]) =>
    done<EndpointDocument>(run, ['inspect', `127.0.0.1:${port}`, ...args]);

  test('protocol, chain, client certificate, CAs, verification', async () => {
    const seen = await inspect(demanding, ...trust, ...own);
    expect(seen).toMatchObject({
      kind: 'endpoint',
      protocol: 'TLSv1.3',
      versions: ['TLSv1.3', 'TLSv1.2'],
      clientCertificate: 'required',
      handshakes: { withoutCertificate: { outcome: 'refused' }, withCertificate: { outcome: 'accepted' } },
      verification: { valid: true, names: ['127.0.0.1'], purpose: 'server' },
      served: { kind: 'chain', ordered: true },
      problems: [],
    });
    expect(seen.authorities.toSorted()).toEqual(['CN=Issuing', 'CN=Root']);
  });

  test('what is wrong is said: no demand, a refusal, another CA', async () => {
    expect((await inspect(open, ...trust)).problems.map(({ code }) => code)).toEqual([
      'client-certificate-not-demanded',
    ]);
    expect((await inspect(demanding, ...trust, ...foreign)).problems.map(({ code }) => code)).toEqual([
      'client-refused',
    ]);
    const other = await inspect(open, '--trust', write('other.pem', certificatePem(stranger)));
    expect(other.verification).toMatchObject({ valid: false });
  });

  test('without a keystore and --trust it says that nothing was verified', async () => {
    const seen = await inspect(open);
    expect(seen.verification).toBeUndefined();
    expect(seen.warnings?.join()).toMatch(/not verified/);
    await fails(run, ['inspect', `127.0.0.1:${open}`, '--keystore', '/nonexistent'], 'ERR_KEYSTORE_ABSENT');
  });

  test('as text, as PEM, and compared with a file', async () => {
    const text = await run(['inspect', `127.0.0.1:${demanding}`, ...trust]);
    expectExit(text, 0);
    for (const words of ['TLSv1.3', 'demanded', 'CN=Root', 'valid for 127.0.0.1', 'certificate_required'])
      expect(text.stdout).toContain(words);
    expect((await run(['inspect', `127.0.0.1:${open}`, '--pem'])).stdout).toBe(certificatePem(server, issuing));
    const file = write('server.pem', certificatePem(server));
    expect(await done(run, ['inspect', `127.0.0.1:${open}`, file])).toMatchObject({ identical: true });
  });

  test('a hostile certificate and hostile CA names print as escapes', async () => {
    const evil = makeLeaf('CN=\u001b]0:x\u0007\u202e', issuing, [], VALIDITY);
    const port = await tlsServer({ ...identity(evil, issuing), requestCert: true, rejectUnauthorized: false });
    for (const flags of [[], ['--json']])
      for (const verb of ['inspect', 'verify']) {
        const { stdout, stderr } = await run([verb, `127.0.0.1:${port}`, ...trust, ...flags]);
        expectSafe(stdout);
        expectSafe(stderr);
      }
  });
});
