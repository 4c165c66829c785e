import { once } from 'node:events';
import { connect } from 'node:net';
import { TLSSocket } from 'node:tls';
import { describe, expect, test } from '@jest/globals';
import { formatAddress, parseAddress } from '../../src/endpoint/address.ts';
import { readFirstFlight } from '../../src/endpoint/first-flight.ts';
import { handshake } from '../../src/endpoint/handshake.ts';
import { fingerprintOf, observe } from '../../src/endpoint/observe.ts';
import { STARTTLS } from '../../src/endpoint/starttls.ts';
import { isClusterCaError } from '../../src/errors.ts';
import { nameText } from '../../src/inspection/certificate-object.ts';
import { client, identity, issuing, root, server, stranger, tcpServer, tlsServer } from './tls-server.ts';

const at = (port: number) => ({ host: '127.0.0.1', port });
const served = [server, issuing].map(({ der }) => fingerprintOf(der));

/** The code of what it throws. */
async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    return error.code;
  }
}

describe('addresses', () => {
  test.each([
    ['redis-1:7001', 'redis-1', 7001],
    ['127.0.0.1:443', '127.0.0.1', 443],
    ['[::1]:65535', '::1', 65_535],
  ])('%s', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
    expect(formatAddress({ host, port })).toBe(text);
  });

  test.each(['host', 'host:', 'host:0', 'host:65536', '::1:443', '[host]:1', '[::1]', ':443', 'a b:1'])(
    '%s is none',
    (text) => {
      expect(() => parseAddress(text)).toThrow('not an address');
    },
  );
});

describe.each(['TLSv1.3', 'TLSv1.2'] as const)('%s', (version) => {
  const only = { minVersion: version, maxVersion: version };

  test('the chain as it is served, and that no client certificate is asked for', async () => {
    const seen = await observe(at(await tlsServer(only)), { versions: true });
    expect(seen.chain.map(fingerprintOf)).toEqual(served);
    expect(seen).toMatchObject({
      protocol: version,
      versions: [version],
      clientCertificate: 'not-requested',
      authorities: [],
      anonymous: { outcome: 'accepted', protocol: version },
    });
    expect(fingerprintOf(seen.anonymous.leaf ?? new Uint8Array())).toBe(served[0]);
  });

  test('a client certificate that is demanded, the CAs that are named, and who is let in', async () => {
    const port = await tlsServer({ ...only, requestCert: true, rejectUnauthorized: true });
    const seen = await observe(at(port), { client: identity(client, issuing) });
    expect(seen.clientCertificate).toBe('required');
    expect(seen.authorities.map(nameText).toSorted()).toEqual(['CN=Issuing', 'CN=Root']);
    expect(seen.anonymous.outcome).toBe('refused');
    expect(seen.identified).toMatchObject({ outcome: 'accepted', protocol: version });
    const foreign = await observe(at(port), { client: identity(stranger) });
    expect(foreign.identified?.outcome).toBe('refused');
  });

  test('one that is asked for and not insisted on', async () => {
    const seen = await observe(at(await tlsServer({ ...only, requestCert: true, rejectUnauthorized: false })));
    expect(seen).toMatchObject({ clientCertificate: 'requested', anonymous: { outcome: 'accepted' } });
  });

  test('what is superfluous, or out of order, is shown as it is sent', async () => {
    const port = await tlsServer({ ...only, ...identity(server, root, stranger, issuing) });
    const { chain } = await observe(at(port));
    expect(chain.map(fingerprintOf)).toEqual([server, root, stranger, issuing].map(({ der }) => fingerprintOf(der)));
  });

  test.each(['P-521', 'P-384', 'P-256', 'X25519'])('a server that exchanges keys on %s only', async (ecdhCurve) => {
    const { chain } = await observe(at(await tlsServer({ ...only, ecdhCurve })));
    expect(chain.map(fingerprintOf)).toEqual(served);
  });

  test('a staple', async () => {
    const port = await tlsServer(only);
    const seen = await observe(at(port));
    expect(seen.ocspStaple).toBeUndefined();
  });
});

describe('ciphers of TLS 1.3', () => {
  test.each(['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'])(
    '%s',
    async (ciphers) => {
      const flight = await readFirstFlight(at(await tlsServer({ ciphers, minVersion: 'TLSv1.3' })), {
        versions: ['TLSv1.3'],
      });
      expect(flight).toMatchObject({ outcome: 'answered', version: 'TLSv1.3', cipher: ciphers });
    },
  );
});

test('old versions that are accepted', async () => {
  const port = await tlsServer({ minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' });
  expect((await observe(at(port), { versions: true })).versions).toEqual(['TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1']);
});

test('the name asked for reaches the server', async () => {
  const asked: string[] = [];
  const port = await tlsServer({
    SNICallback: (name, done) => {
      asked.push(name);
      done(null);
    },
  });
  await observe(at(port), { name: 'redis-1.orders.internal' });
  await observe(at(port));
  expect(new Set(asked)).toEqual(new Set(['redis-1.orders.internal']));
});

describe('what is no TLS server', () => {
  test('nothing listens: ERR_REMOTE', async () => {
    const port = await tcpServer(() => {});
    const closed = port === 1 ? 2 : 1;
    expect(await codeOf(observe(at(closed)))).toBe('ERR_REMOTE');
  });

  test('silence: ERR_TIMEOUT', async () => {
    const port = await tcpServer(() => {});
    expect(await codeOf(observe(at(port), { timeout: 300 }))).toBe('ERR_TIMEOUT');
    expect(await codeOf(handshake(at(port), { timeout: 300 }))).toBe('ERR_TIMEOUT');
  });

  test.each([
    ['plaintext', Buffer.from('-ERR unknown command\r\n')],
    ['zeros', Buffer.alloc(100)],
    ['an alert', Buffer.from([21, 3, 3, 0, 2, 2, 40])],
    ['half a record', Buffer.from([22, 3, 3, 1, 0, 2, 0])],
    ['an empty record', Buffer.from([22, 3, 3, 0, 0])],
    ['a hello that is cut off', Buffer.from([22, 3, 3, 0, 8, 2, 0, 0, 4, 3, 3, 1, 2])],
    ['a hello without end', Buffer.from([22, 3, 3, 0, 4, 2, 0xff, 0xff, 0xff])],
    ['another version', Buffer.from([22, 2, 0, 0, 2, 1, 1])],
  ])('%s: ERR_REMOTE', async (_, bytes) => {
    const port = await tcpServer((socket) => socket.end(bytes));
    expect(await codeOf(observe(at(port), { timeout: 2000 }))).toBe('ERR_REMOTE');
  });

  test('a flood of tiny records, a flood of octets', async () => {
    const tiny = Buffer.concat(Array.from({ length: 5000 }, () => Buffer.from([22, 3, 3, 0, 1, 2])));
    const large = Buffer.concat([Buffer.from([22, 3, 3, 0xff, 0xff]), Buffer.alloc(0xffff, 2)]);
    for (const bytes of [tiny, Buffer.concat(Array.from({ length: 40 }, () => large))]) {
      const port = await tcpServer((socket) => socket.end(bytes));
      expect(await codeOf(observe(at(port)))).toBe('ERR_REMOTE');
    }
  });

  test('a warning ends nothing', async () => {
    const behind = await tlsServer({ maxVersion: 'TLSv1.2' });
    const port = await tcpServer((socket) => {
      const onward = connect(behind, '127.0.0.1');
      onward.on('error', () => socket.destroy());
      onward.once('data', (chunk) => {
        socket.write(Buffer.concat([Buffer.from([21, 3, 3, 0, 2, 1, 112]), chunk]));
        onward.pipe(socket);
      });
      socket.pipe(onward);
      socket.on('close', () => onward.destroy());
    });
    const flight = await readFirstFlight(at(port), { versions: ['TLSv1.2'] });
    expect(flight).toMatchObject({ outcome: 'answered', version: 'TLSv1.2' });
  });

  test('octets at random never do more than that', async () => {
    let seed = 1;
    const next = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      return seed >> 16;
    };
    const port = await tcpServer((socket) => {
      const body = Buffer.from(Array.from({ length: 4 + (next() % 60) }, () => next() & 0xff));
      body[0] = [2, 11, 13, 22, 15][next() % 5] as number;
      body.writeUIntBE(body.length - 4, 1, 3);
      socket.end(Buffer.concat([Buffer.from([22, 3, 3, 0, body.length]), body]));
    });
    for (let i = 0; i < 150; i++)
      expect(await codeOf(observe(at(port), { timeout: 2000 }))).toMatch(/^ERR_(REMOTE|TIMEOUT)$/);
  });
});

/** What a server says, and what it then wants to hear (octets in hex, or text). */
type Talk = [say: string | Buffer | undefined, hear: RegExp | string | undefined][];

describe('--starttls', () => {
  /** Behind the preamble of a protocol, a TLS server. */
  const behind = (talk: Talk): Promise<number> =>
    tcpServer(async (socket) => {
      for (const [say, hear] of talk) {
        if (say !== undefined) socket.write(say);
        if (hear === undefined) continue;
        const [chunk] = (await once(socket, 'data')) as [Buffer];
        const heard =
          typeof hear === 'string' ? chunk.toString('hex').startsWith(hear) : hear.test(chunk.toString('latin1'));
        // What a client sends at once may come at once.
        if (hear === '20000001') socket.pause().unshift(chunk.subarray(36));
        if (!heard) {
          socket.end('554 what?\r\n');
          return;
        }
      }
      const tls = new TLSSocket(socket, { isServer: true, ...identity(server, issuing) });
      tls.on('error', () => {});
    });
  const ldap = Buffer.from('300c02010178070a010004000400', 'hex');
  const greeting = Buffer.concat([Buffer.from([5, 0, 0, 0, 10]), Buffer.from('8.0\0')]);

  test.each([
    [
      'postgres',
      [
        [undefined, '0000000804d2162f'],
        ['S', undefined],
      ],
    ],
    [
      'smtp',
      [
        ['220-hi\r\n220 there\r\n', /^EHLO/],
        ['250-a\r\n250 b\r\n', /^STARTTLS/],
        ['220 go\r\n', undefined],
      ],
    ],
    [
      'ftp',
      [
        ['220 hi\r\n', /^AUTH TLS/],
        ['234 go\r\n', undefined],
      ],
    ],
    [
      'imap',
      [
        ['* OK hi\r\n', /^a STARTTLS/],
        ['a OK go\r\n', undefined],
      ],
    ],
    [
      'pop3',
      [
        ['+OK hi\r\n', /^STLS/],
        ['+OK go\r\n', undefined],
      ],
    ],
    [
      'ldap',
      [
        [undefined, /1\.3\.6\.1\.4\.1\.1466\.20037/],
        [ldap, undefined],
      ],
    ],
    [
      'mysql',
      [
        [greeting, '20000001'],
        [undefined, undefined],
      ],
    ],
    ['redis', []],
  ] as [string, Talk][])('%s', async (protocol, talk) => {
    const { chain } = await observe(at(await behind(talk)), { starttls: protocol });
    expect(chain.map(fingerprintOf)).toEqual(served);
    expect(STARTTLS).toContain(protocol);
  });

  test('a server that does not agree: ERR_REMOTE; a protocol without a preamble: ERR_USAGE', async () => {
    const refusing = await tcpServer((socket) => socket.end('N'));
    expect(await codeOf(observe(at(refusing), { starttls: 'postgres' }))).toBe('ERR_REMOTE');
    const other = await tcpServer((socket) => socket.end('500 no\r\n'));
    for (const protocol of STARTTLS.filter((one) => one !== 'redis'))
      expect(await codeOf(observe(at(other), { starttls: protocol }))).toBe('ERR_REMOTE');
    expect(await codeOf(observe(at(other), { starttls: 'gopher' }))).toBe('ERR_USAGE');
  });
});
