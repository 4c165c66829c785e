import { connect, type Socket } from 'node:net';
import nodemailer from 'nodemailer';
import type SMTPTransport from 'nodemailer/lib/smtp-transport/index.js';
import { sha256Hex } from '../../crypto/hash.ts';
import { isClusterCaError } from '../../errors.ts';
import type { SmtpConfiguration } from '../../inventory/alerts-schema.ts';
import { safeText } from '../../ui/text/safe.ts';
import { formatTime } from '../../values/time.ts';
import type { Transition } from '../lifecycle.ts';
import { passing, permanent, reasonOf } from './failure.ts';
import { secretText, trustText } from './files.ts';
import { addressOf, type Resolver, systemResolver } from './resolve.ts';
import { type Batch, DEFAULT_SEVERITY, PATIENCE, type Sink } from './sink.ts';

/** Alerts written out in one mail; the rest is counted. */
const MOST = 100;

/**
 * Mail by SMTP. TLS is demanded, by STARTTLS or from the first octet, unless the inventory says `tls: none`.
 * @throws ERR_CONFIG, ERR_USAGE, ERR_KEYSTORE_PERMISSIONS for its files
 */
export function mailSink(name: string, configuration: SmtpConfiguration, resolver: Resolver = systemResolver): Sink {
  const { server, from, to, user, passwordFile, tls = 'starttls', minSeverity = DEFAULT_SEVERITY } = configuration;
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|(.*)):(\d+)$/.exec(server) ?? [];
  const host = bracketed ?? plain ?? '';
  const ca = trustText(configuration.ca);
  const pass = passwordFile === undefined ? undefined : secretText(passwordFile, 'password file');
  return {
    name,
    minSeverity,
    forgets: false,
    patience: 3 * PATIENCE,
    async send(batch: Batch, signal: AbortSignal) {
      const address = await addressOf(host, resolver, signal);
      let socket: Socket | undefined;
      const giveUp = (): void => void socket?.destroy(new Error('it does not answer in time'));
      signal.addEventListener('abort', giveUp, { once: true });
      const options: SMTPTransport.Options = {
        host,
        port: Number(port),
        secure: tls === 'implicit',
        requireTLS: tls === 'starttls',
        ignoreTLS: tls === 'none',
        tls: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
        ...(user === undefined || pass === undefined ? {} : { auth: { user, pass } }),
        disableFileAccess: true,
        disableUrlAccess: true,
        greetingTimeout: PATIENCE,
        socketTimeout: PATIENCE,
        // To the address that was looked at; what is destroyed here ends whatever goes on over it.
        getSocket(_, done) {
          if (signal.aborted) return done(new Error('it does not answer in time'), undefined);
          const opened = connect({ host: address, port: Number(port) });
          socket = opened;
          opened.once('error', (error) => done(error, undefined));
          opened.once('connect', () => {
            opened.removeAllListeners('error');
            done(null, { connection: opened });
          });
        },
      };
      const transport = nodemailer.createTransport(options);
      try {
        const { rejected } = await transport.sendMail(message(from, to, batch));
        if (rejected.length > 0)
          throw permanent(`${server} takes no mail for ${rejected.join(', ')}`, 'is the address right?');
      } catch (error) {
        throw failure(error, server, signal);
      } finally {
        signal.removeEventListener('abort', giveUp);
        transport.close();
        socket?.destroy();
      }
    },
  };
}

function failure(error: unknown, server: string, signal: AbortSignal): unknown {
  if (isClusterCaError(error)) return error;
  if (signal.aborted) return passing(`${server}: it does not answer in time`, 'is it running?', error);
  const { responseCode = 0, code } = error as { responseCode?: number; code?: string };
  const text = `${server}: ${reasonOf(error)}`;
  if (responseCode >= 500 || code === 'EAUTH')
    return permanent(text, 'see its log, and the user and the addresses in the inventory', error);
  return passing(text, 'is it running, does it offer STARTTLS, is its certificate to be trusted (ca: FILE)?', error);
}

function message(from: string, to: string[], { cluster, at, transitions }: Batch) {
  const text = [...transitions.slice(0, MOST).map(paragraph)];
  if (transitions.length > MOST) text.push(`and ${transitions.length - MOST} more: cluster-ca status --json\n`);
  const subject = subjectLine(cluster, transitions);
  const id = sha256Hex(Buffer.from(JSON.stringify([to, subject, at, text]))).slice(0, 32);
  return {
    from,
    to,
    subject,
    text: text.join('\n'),
    date: new Date(at),
    messageId: `<${id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
  };
}

function subjectLine(cluster: string, transitions: readonly Transition[]): string {
  const [first] = transitions;
  if (transitions.length === 1 && first !== undefined) {
    const state = first.event === 'resolved' ? 'resolved' : first.alert.severity;
    return safeText(`[${cluster}] ${state}: ${first.alert.name} ${first.alert.subject}`);
  }
  const counts = ['critical', 'warning', 'info', 'resolved'].flatMap((word) => {
    const n = transitions.filter(({ event, alert }) => (event === 'resolved' ? 'resolved' : alert.severity) === word);
    return n.length > 0 ? [`${n.length} ${word}`] : [];
  });
  return `[${cluster}] ${counts.join(', ')}`;
}

function paragraph({ event, alert, raisedAt }: Transition): string {
  const { severity, name, subject, message: what, hint, since } = alert;
  return [
    `${event === 'resolved' ? 'resolved' : severity}  ${subject}  ${name} (${event})`,
    `    ${what}`,
    `    since ${since}, raised ${formatTime(raisedAt)}`,
    ...(event === 'resolved' ? [] : [`    ${hint}`]),
    '',
  ]
    .map((line) => safeText(line))
    .join('\n');
}
