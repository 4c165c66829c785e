import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { afterAll } from '@jest/globals';
import type { Material } from '../../support/tls.ts';

/** A mail as it was taken, and how the session was. */
export interface Mail {
  from: string;
  to: string[];
  data: string;
  secure: boolean;
  /** What AUTH PLAIN carried: user and password. */
  login: string[] | undefined;
}

export interface SmtpOptions {
  /** Offers STARTTLS with this; absent: none. */
  tls?: Required<Material>;
  /** TLS from the first octet. */
  implicit?: boolean;
  /** Answers of its own, by the verb. */
  answers?: Record<string, string>;
  /** Says nothing at all. */
  silent?: boolean;
}

const closers: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(closers.map((close) => close())));

/** A small SMTP server (RFC 5321, STARTTLS of RFC 3207, AUTH PLAIN of RFC 4954) on 127.0.0.1. */
export async function smtpServer(options: SmtpOptions = {}) {
  const mails: Mail[] = [];
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  const secured = (socket: Socket): Socket => {
    const { cert, key } = options.tls as Required<Material>;
    const tls = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ cert, key }) });
    tls.on('error', () => {});
    return tls;
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    if (options.silent) return;
    const first = options.implicit ? secured(socket) : socket;
    first.write('220 mail.test ESMTP\r\n');
    session(first, options.implicit === true);
  });
  function session(socket: Socket, secure: boolean): void {
    let text = '';
    let mail: Mail = { from: '', to: [], data: '', secure, login: undefined };
    let inData = false;
    const say = (line: string) => void socket.write(`${line}\r\n`);
    const take = (line: string): void => {
      commands.push(line);
      const verb = line.split(/[ :]/)[0]?.toUpperCase() ?? '';
      const address = /<(.*?)>/.exec(line)?.[1] ?? '';
      const own = options.answers?.[verb];
      if (own !== undefined) say(own);
      else if (verb === 'EHLO') {
        const offer = options.tls !== undefined && !secure ? ['250-STARTTLS'] : [];
        for (const one of ['250-mail.test', ...offer, '250 AUTH PLAIN']) say(one);
      } else if (verb === 'STARTTLS' && options.tls !== undefined) {
        socket.removeAllListeners('data');
        say('220 go on');
        session(secured(socket), true);
      } else if (verb === 'AUTH') {
        mail.login = Buffer.from(line.split(' ')[2] ?? '', 'base64')
          .toString()
          .split('\0')
          .slice(1);
        say('235 ok');
      } else if (verb === 'MAIL') {
        mail.from = address;
        say('250 ok');
      } else if (verb === 'RCPT') {
        mail.to.push(address);
        say('250 ok');
      } else if (verb === 'DATA') {
        inData = true;
        say('354 go on');
      } else if (verb === 'QUIT') {
        say('221 bye');
        socket.end();
      } else say('502 what?');
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      for (;;) {
        const end = text.indexOf(inData ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const part = text.slice(0, end);
        text = text.slice(end + (inData ? 5 : 2));
        if (inData) {
          mails.push({ ...mail, data: part });
          mail = { ...mail, to: [], data: '' };
          inData = false;
          say('250 taken');
        } else take(part);
      }
    });
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, mails, commands };
}
