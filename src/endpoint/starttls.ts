import { ClusterCaError } from '../errors.ts';
import { misbehaved } from './failure.ts';
import type { Wire } from './wire.ts';

type Preamble = (wire: Wire) => Promise<void>;

/** SSLRequest: length 8, code 80877103 (PostgreSQL's frontend/backend protocol). */
const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);

/** An extended request of LDAP with the object identifier of StartTLS (RFC 4511 §4.14), message 1. */
const LDAP_REQUEST = Buffer.concat([
  Buffer.from([0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16]),
  Buffer.from('1.3.6.1.4.1.1466.20037'),
]);

/** What is said before TLS. `redis` is here because people ask for it: its TLS port needs no preamble. */
const PREAMBLES: Record<string, Preamble> = {
  redis: async () => {},
  postgres: async (wire) => {
    wire.write(SSL_REQUEST);
    const answer = (await wire.take(1))?.toString('latin1');
    if (answer !== 'S') throw refused(wire, answer === 'N' ? 'says that it has TLS switched off' : 'is no PostgreSQL');
  },
  smtp: async (wire) => {
    await replies(wire, '220');
    wire.write('EHLO cluster-ca.invalid\r\n');
    await replies(wire, '250');
    wire.write('STARTTLS\r\n');
    await replies(wire, '220');
  },
  ftp: async (wire) => {
    await replies(wire, '220');
    wire.write('AUTH TLS\r\n');
    await replies(wire, '234');
  },
  imap: async (wire) => {
    await expectLine(wire, /^\* (OK|PREAUTH)/);
    wire.write('a STARTTLS\r\n');
    await expectLine(wire, /^a OK/);
  },
  pop3: async (wire) => {
    await expectLine(wire, /^\+OK/);
    wire.write('STLS\r\n');
    await expectLine(wire, /^\+OK/);
  },
  ldap: async (wire) => {
    wire.write(LDAP_REQUEST);
    const answer = await wire.peek(({ length }) => length >= 2);
    const whole = await wire.take(2 + (answer[1] ?? 0));
    if (whole?.[0] !== 0x30 || !whole.includes(Buffer.from([0x0a, 0x01, 0x00])))
      throw refused(wire, 'does not begin TLS');
  },
  mysql: async (wire) => {
    const header = await wire.take(4);
    const greeting = await wire.take(header?.readUIntLE(0, 3) ?? 0);
    if (greeting?.[0] !== 10) throw refused(wire, 'is no MySQL');
    // An SSLRequest: protocol 41, SSL, secure connection; packets of 16 MiB at most; utf8mb4.
    const request = Buffer.alloc(36);
    request.writeUIntLE(32, 0, 3);
    request[3] = 1;
    request.writeUInt32LE(0x0000_8a00, 4);
    request.writeUInt32LE(0x0100_0000, 8);
    request[12] = 45;
    wire.write(request);
  },
};

/** Every protocol that `--starttls` takes. */
export const STARTTLS = Object.keys(PREAMBLES);

/** @throws ERR_USAGE for a protocol without a preamble that is known here */
export function checkStarttls(protocol: string | undefined): void {
  if (protocol === undefined || Object.hasOwn(PREAMBLES, protocol)) return;
  throw new ClusterCaError('ERR_USAGE', `no such protocol for --starttls: ${protocol}`, {
    hint: `one of ${STARTTLS.join(', ')}; a service that begins with TLS needs none`,
  });
}

/** Says what the protocol wants before TLS. @throws ERR_REMOTE when the server does not agree */
export async function preamble(wire: Wire, protocol: string | undefined): Promise<void> {
  checkStarttls(protocol);
  if (protocol !== undefined) await PREAMBLES[protocol]?.(wire);
}

/** A reply of SMTP or FTP: lines `250-…` up to `250 …`. */
async function replies(wire: Wire, code: string): Promise<void> {
  for (let lines = 0; lines < 100; lines++) {
    const line = await wire.line();
    if (line === undefined || !line.startsWith(code))
      throw refused(wire, `answers ${JSON.stringify(line ?? 'nothing')}`);
    if (line[3] !== '-') return;
  }
  throw refused(wire, 'answers without end');
}

async function expectLine(wire: Wire, form: RegExp): Promise<void> {
  const line = await wire.line();
  if (line === undefined || !form.test(line)) throw refused(wire, `answers ${JSON.stringify(line ?? 'nothing')}`);
}

function refused(wire: Wire, problem: string): ClusterCaError {
  return misbehaved(wire.address, problem, 'is that the right protocol for --starttls, and is TLS switched on there?');
}
