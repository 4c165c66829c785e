import { connect } from 'node:net';
import type { Address } from '../endpoint/address.ts';
import type { ServiceKind } from '../inventory/services.ts';

/** How long an answer without TLS may take. */
const PATIENCE = 1_500;
const LONGEST = 4096;

/** A user that no database has, so that the server refuses it after it has judged the connection. */
const NOBODY = 'cluster-ca-probe';

/** PostgreSQL's StartupMessage, protocol 3.0. */
export const STARTUP_MESSAGE = startupMessage();

function startupMessage(): Uint8Array {
  const words = ['user', NOBODY, 'database', NOBODY, ''].map((word) => `${word}\0`).join('');
  const message = Buffer.alloc(8 + Buffer.byteLength(words));
  message.writeInt32BE(message.length, 0);
  message.writeInt32BE(196_608, 4);
  message.write(words, 8, 'latin1');
  return message;
}

/** What to say inside TLS to learn whether the server lets us in, by the kind of service. */
export function askInside(kind: ServiceKind): { request: string | Uint8Array } | undefined {
  if (kind === 'postgres') return { request: STARTUP_MESSAGE };
  if (kind === 'nginx') return { request: 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' };
  return kind === 'redis' ? { request: 'CONFIG GET port\r\n' } : undefined;
}

/** What TLS alone does not tell: whether a connection without a client certificate is turned away inside. */
export function refusedInside(kind: ServiceKind, answer: string | undefined): boolean {
  if (answer === undefined) return false;
  if (kind === 'nginx') return /^HTTP\/1\.\d 400/.test(answer) && /No required SSL certificate/.test(answer);
  return kind === 'postgres' && answer.startsWith('E') && /valid client certificate/.test(answer);
}

/** Whether the client certificate that was sent is not accepted, as it is said inside. */
export function clientRefusedInside(kind: ServiceKind, answer: string | undefined): boolean {
  return kind === 'nginx' && /^HTTP\/1\.\d 400/.test(answer ?? '') && /SSL certificate error/.test(answer ?? '');
}

/** The port that a Redis says it has without TLS; undefined when it does not say. */
export function plaintextPortOf(answer: string | undefined): number | undefined {
  const port = /^\*2\r\n\$4\r\nport\r\n\$\d+\r\n(\d{1,5})\r\n/.exec(answer ?? '')?.[1];
  return port === undefined ? undefined : Number(port);
}

/** How a service answers without TLS: what it says when it does; undefined when it does not. */
export async function plaintextAnswer(to: Address, kind: ServiceKind): Promise<string | undefined> {
  if (kind === 'redis' || kind === 'sentinel') {
    const answer = await exchange(to, 'PING\r\n');
    return /^(\+PONG|-(NOAUTH|NOPERM|DENIED|ERR|LOADING))/.test(answer) ? answer.split('\r')[0] : undefined;
  }
  if (kind !== 'postgres') return undefined;
  const answer = await exchange(to, STARTUP_MESSAGE);
  if (answer.startsWith('R')) return 'asks for a password without TLS';
  // An error of the database's own, not of its TLS rules, means that the connection itself was let in.
  return answer.startsWith('E') && !/no encryption|SSL off|pg_hba\.conf/.test(answer)
    ? 'lets connections without TLS in'
    : undefined;
}

/** True when something takes a TCP connection there. */
export async function accepts(to: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: to.host, port: to.port });
    const end = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(PATIENCE, () => end(false));
    socket.on('error', () => end(false));
    socket.on('connect', () => end(true));
  });
}

/** What comes back within the time; '' when nothing does. */
function exchange(to: Address, request: string | Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: to.host, port: to.port });
    let answer = '';
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, PATIENCE);
    socket.on('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      answer = (answer + chunk.toString('latin1')).slice(0, LONGEST);
      if (!answer.startsWith('E') || answer.includes('\0\0')) end();
    });
    socket.on('error', end);
    socket.on('close', end);
  });
}
